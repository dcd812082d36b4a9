// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { problem, type TestServer } from "../../sdk/testing/server";
import { closeNetwork, openNetwork } from "../testing/network";
import { RecommendationsPane } from "./RecommendationsPane";

const route = "GET /api/v1/analytics/recommendations";

let server: TestServer;

beforeEach(async () => {
  server = await openNetwork();
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

const open = () => render(<RecommendationsPane token="session-1" days={30} />);

test("advice is a sentence with its numbers and the sample behind them", async () => {
  server.on(route, ({ path, headers }) => {
    expect([path.split("?")[1], headers.authorization]).toEqual(["days=30", "Bearer session-1"]);
    const advice = {
      kind: "delay",
      title: "Wait longer before a resend to IN",
      text: "Of 420 SMS to IN, 96 % took longer. Set NOD_RESEND_DELAYS=auto, and nod waits by country.",
      sample: 2928,
      evidence: [{ label: "IN, later than 60 s", value: "96 % of 420" }],
    };
    return { body: { recommendations: [advice] } };
  });
  open();
  const advice = await screen.findByRole("article", {
    name: "Wait longer before a resend to India",
  });
  const numbers = [...advice.querySelectorAll("dl > div")].map((pair) => pair.textContent);
  expect(numbers).toEqual(["India, later than 60 s96 % of 420", "Sample2,928"]);
  expect(within(advice).getByText(/Of 420 SMS to India, 96 %/)).toBeTruthy();
  expect(within(advice).getByText("NOD_RESEND_DELAYS=auto").tagName).toBe("CODE");
  await expectAccessible();
});

test("where nothing stands out it says what would be enough", async () => {
  server.on(route, () => ({ body: { recommendations: [] } }));
  open();
  expect(await screen.findByText(/Enough evidence is at least 50 cases/)).toBeTruthy();
  await expectAccessible();
});

test("what cannot be read says why", async () => {
  server.on(route, () => problem(503, "unavailable", { detail: "Nothing was lost." }));
  open();
  expect(await screen.findByText(/Nothing was lost/)).toBeTruthy();
});
