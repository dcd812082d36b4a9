// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Phrase } from "./Phrase";
import { TextsProvider, useSay } from "./TextsProvider";

afterEach(cleanup);

function Words() {
  const say = useSay();
  return <p lang={say.language}>{say("resend.none")}</p>;
}

test("without a provider it speaks English", () => {
  render(<Words />);
  expect(screen.getByText("Max Resends Reached").lang).toBe("en");
});

test("English is there at once, another language as soon as its file is", async () => {
  const { rerender, container } = render(
    <TextsProvider languages={["en-GB"]}>
      <Words />
    </TextsProvider>,
  );
  expect(container.querySelector("p")?.lang).toBe("en");
  rerender(
    <TextsProvider languages={["zh-TW", "en"]}>
      <Words />
    </TextsProvider>,
  );
  await screen.findByText((_, element) => element?.getAttribute("lang") === "zh-Hant");
});

test("elements stand in the slots of a text", () => {
  render(<Phrase text="resend.in" slots={{ time: <b>0:42</b> }} />);
  expect(screen.getByText("0:42").parentElement?.textContent).toBe("Resend in 0:42");
});
