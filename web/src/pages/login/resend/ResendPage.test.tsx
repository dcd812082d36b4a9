// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible, openDialogs } from "../../../component/testkit";
import ResendPage from "./ResendPage";
import { StoryView } from "./StoryView";
import { stories } from "./stories";

beforeEach(openDialogs);
afterEach(() => {
  cleanup();
  history.replaceState(null, "", "/");
  delete document.documentElement.dataset.theme;
});

const go = (query: string) => history.replaceState(null, "", `/login?demo=resend&${query}`);

test("each story is another one to look at", async () => {
  const looks = new Map<string, string>();
  for (const story of stories) {
    const { container } = render(<StoryView story={story} />);
    if (story.name === "offline") await screen.findByText(/^The connection is gone/);
    looks.set(story.name, container.innerHTML.replace(/ data-story="[^"]*"|_r_\w+_/g, ""));
    cleanup();
  }
  expect(new Set(looks.values()).size).toBe(stories.length);
});

test("no story offers what the proof of a number never offers", () => {
  for (const { name, state } of stories) {
    const kinds = state.status?.alternatives?.map(({ kind }) => kind) ?? [];
    const tried = state.status?.attempt_history?.map(({ channel }) => channel) ?? [];
    expect([...kinds, ...tried], name).not.toContain("email");
  }
});

test("another language or look keeps the story", async () => {
  go("story=locked&theme=dark");
  render(<ResendPage />);
  expect(document.documentElement.dataset.theme).toBe("dark");
  const looks = screen.getByRole("navigation", { name: "Language and look" });
  const links = within(looks).getAllByRole<HTMLAnchorElement>("link");
  expect(links).toHaveLength(12);
  const where = (name: string) =>
    Object.fromEntries(
      new URL(within(looks).getByRole<HTMLAnchorElement>("link", { name }).href).searchParams,
    );
  expect(where("ar")).toEqual({ demo: "resend", story: "locked", theme: "dark", lang: "ar" });
  expect(where("light")).toEqual({ demo: "resend", story: "locked", theme: "light" });
  expect(within(looks).getByText("dark").ariaCurrent).toBe("true");
  await expectAccessible();
});
