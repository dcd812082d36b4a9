// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import type { Channels, Delays, Hours, Overview } from "./analytics/reports";
import { ConsolePage } from "./ConsolePage";
import type { Figures } from "./nodes";
import type { Counted } from "./pulse";

const period = { days: 30, from: "2026-04-05T00:00:00Z", to: "2026-05-05T00:00:00Z" };
const overview: Overview = {
  ...period,
  totals: {
    send_code: 1000,
    verify_success: 900,
    verify_failed: 20,
    resend_request: 70,
    change_phone: 1,
  },
  ended: {
    approved: 900,
    denied: 10,
    failed: 5,
    expired: 80,
    canceled: 5,
    superseded: 0,
    blocked: 0,
  },
  success_rate: 0.9,
  time_to_complete: { n: 900, avg_seconds: 12, p50_seconds: 8.4, p90_seconds: 41 },
  without_sms: { logins: 700, share: 0.8, saved: 52.5 },
  hidden: true,
};
const delays: Delays = {
  ...period,
  steps: [{ delay_seconds: 60, resends: 70, successes: 49, success_rate: 0.7 }],
  delivery: [{ country: "DE", messages: 120, p50_seconds: 2, p90_seconds: 9 }],
  delays: [{ country: "DE", seconds: [30, 60, 120], messages: 120 }],
};
const hours: Hours = {
  ...period,
  hours: [{ hour: 9, started: 1000, successes: 900, success_rate: 0.9 }],
};
const sends = {
  sends: 100,
  delivered: 90,
  failed: 0,
  successes: 80,
  success_rate: 0.8,
  p50_seconds: 7,
  p90_seconds: 30,
};
const channels: Channels = {
  ...period,
  channels: [
    { ...sends, channel: "sms" },
    { ...sends, channel: "websocket", failed: 300 },
  ],
  countries: [{ ...sends, country: "IN" }],
  providers: [{ ...sends, country: "IN", channel: "sms", provider: "twilio" }],
  other: { ...sends, sends: 9 },
};

let server: TestServer;
const report = (name: string, body: object) =>
  server.on(`GET /api/v1/analytics/${name}`, () => ({ body }));

beforeEach(async () => {
  server = await openNetwork();
  server.on("GET /api/v1/webhooks", () => ({
    body: { on: false, counts: {}, messages: [], server_time: "2026-05-04T10:00:00Z" },
  }));
  report("overview", overview);
  report("delays", delays);
  report("hours", hours);
  report("channels", channels);
  report("recommendations", { ...period, recommendations: [] });
  sessionStorage.setItem("nod.console.session", "session-1");
});
afterEach(async () => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
  history.replaceState(null, "", "#");
  await closeNetwork(server);
});

async function open(): Promise<Peer> {
  render(<ConsolePage />);
  const peer = await server.welcome("console");
  peer.send("recent", { verifications: [] });
  return peer;
}

const node = (name: string, more: Partial<Figures> = {}): Figures => ({
  node: name,
  sessions: { device: 3 },
  outbox: false,
  skipped: 0,
  ...more,
});
const pulse = (second: number, more: Partial<Counted> = {}): Counted => ({
  server_time: new Date(Date.UTC(2026, 4, 4, 10, 0, second)).toISOString(),
  enabled: true,
  hour: {
    started: 200 + second,
    approved: 180 + second,
    denied: 2,
    failed: 0,
    expired: 5,
    resends: 1,
  },
  usual: { days: 28, success: 0.92, started: 600 },
  median_seconds: 8.4,
  without_sms: 0.87,
  sends: [{ channel: "sms", accepted: 50, delivered: 40, failed: 9, approved: 30 }],
  queue: { due: 12, oldest_seconds: 0.8, webhooks: 0, webhooks_oldest_seconds: 0 },
  hours: [{ at: "2026-05-04T10:00:00Z", started: 200, approved: 180, sends: 210 }],
  ...more,
});

/** A figure and the words below it. */
async function figure(name: string): Promise<string[]> {
  const figures = within(screen.getByRole("region", { name: "Figures" }));
  const cell = (await figures.findByText(name)).parentElement;
  return [".figure-value", ".figure-note"].map(
    (part) => cell?.querySelector(part)?.textContent ?? "",
  );
}

test("the numbers stand beside the same hour of other days, summed over all nodes", async () => {
  const peer = await open();
  expect(screen.getAllByRole("img", { name: "Loading" })).toHaveLength(8);
  const twilio = { channel: "sms", provider: "twilio", sent: 9, failed: 1, latency_ms: 120 };
  peer.send("figures", node("a", { providers: [{ ...twilio, state: "closed" }] }));
  peer.send("figures", node("b", { providers: [{ ...twilio, state: "open" }] }));
  peer.send("pulse", pulse(0));
  expect(await screen.findByText("Live on 2 nodes")).toBeTruthy();
  expect(await screen.findByText("90 %", { selector: ".figure-value" })).toBeTruthy();
  expect(await figure("Success this hour")).toEqual(["90 %", "2 points below the usual 92 %"]);
  expect(await figure("Started this hour")).toEqual(["200", "usually 600 by its end"]);
  expect(await figure("Not approved")).toEqual(["7", "2 refused, 5 ran out"]);
  expect(await figure("Median time")).toEqual(["8.4 s", "request to approval, this hour"]);
  expect(await figure("Without SMS")).toEqual(["87 %", "of sign-ins in 24 hours"]);
  expect(await figure("Open sockets")).toEqual(["6", "6 phones, 0 pages, 0 consoles"]);
  expect(await figure("Waiting to be sent")).toEqual(["12", "oldest 800 ms"]);
  expect(await figure("Providers")).toEqual(["0 of 1", "twilio (SMS) is paused"]);
  expect(screen.getByText("SMS paused on 1 of 2 nodes")).toBeTruthy();
  expect(
    screen.getByRole("img", { name: /The last 24 hours: most at .*200 started/ }),
  ).toBeTruthy();
  peer.send("pulse", pulse(0, { stale: true }));
  expect(await screen.findByText(/The database has not answered since/)).toBeTruthy();
  await expectAccessible();
  peer.close(1001);
  expect(await screen.findByText("Not connected")).toBeTruthy();
  expect(screen.getByText(/Nothing was heard from the server since/)).toBeTruthy();
});

test("where no chart can be drawn, the last minutes are a table", async () => {
  const peer = await open();
  expect(await screen.findByText(/What each second brings is drawn here/)).toBeTruthy();
  peer.send("pulse", pulse(0));
  const app = { channel: "websocket", accepted: 9, delivered: 9, failed: 80, approved: 8 };
  peer.send("pulse", pulse(4, { sends: [...pulse(4).sends, app] }));
  const live = within(screen.getByRole("region", { name: "Per second" }));
  const row = await live.findByRole("row", { name: /:00 9 4 0$/ });
  expect(row).toBeTruthy();
  expect(live.getByRole("row", { name: "SMS 50 40 9 30" })).toBeTruthy();
  expect(live.getByRole("row", { name: "App 9 9 – 8" })).toBeTruthy();
  expect(live.getByText(/^80 times no phone was connected/)).toBeTruthy();
});

test("what was counted is told in tables and sentences", async () => {
  await open();
  const pane = async (name: string) => within(await screen.findByRole("region", { name }));
  expect(await screen.findByText("Groups under 5 people are not shown.")).toBeTruthy();
  expect(screen.getByText("9 of 10 up to 41 s")).toBeTruthy();
  const funnel = await pane("Funnel");
  expect(funnel.getByRole("row", { name: "Approved 900 90 %" })).toBeTruthy();
  expect(funnel.getByRole("row", { name: "Time ran out 80 8 %" })).toBeTruthy();
  const delay = await pane("Delay effectiveness");
  expect(await delay.findByRole("row", { name: "After 60 s 70 70 %" })).toBeTruthy();
  const arrival = await pane("How soon an SMS arrives");
  expect(await arrival.findByRole("row", { name: "Germany 2 s 9 s 30, 60, 120 s" })).toBeTruthy();
  const day = await pane("Hours of the day, UTC");
  expect(await day.findByRole("img", { name: "Most at 09:00: 1,000." })).toBeTruthy();
  await userEvent.click(day.getByRole("button", { name: "Table of the hours" }));
  expect(day.getByRole("row", { name: "09:00 1,000 90 %" })).toBeTruthy();
  expect(day.getByRole("row", { name: "10:00 0 –" })).toBeTruthy();
  const messages = await pane("What becomes of messages");
  const names = () => messages.getAllByRole("rowheader").map((cell) => cell.textContent?.trim());
  await messages.findByRole("table");
  expect(names()).toEqual(["App", "SMS", "Others, too few each"]);
  expect(messages.getByRole("row", { name: "App 100 90 % – 80 % 7 s 30 s" })).toBeTruthy();
  expect(messages.getByText(/^For 75 % of requests no phone was connected/)).toBeTruthy();
  await userEvent.click(messages.getByRole("radio", { name: "Countries" }));
  expect(names()).toEqual(["India", "Others, too few each"]);
  await userEvent.click(messages.getByRole("radio", { name: "Providers" }));
  expect(names()).toEqual(["twilio, India", "Others, too few each"]);
  await expectAccessible();
});

test("the period is asked for, and stays in the address", async () => {
  await open();
  await userEvent.click(await screen.findByRole("radio", { name: "7 days" }));
  expect(screen.getByRole("heading", { name: "The last 7 days" })).toBeTruthy();
  expect(location.hash).toBe("#days=7");
  const again = await untilAsked(server, "GET /api/v1/analytics/channels", 2);
  expect(again.path).toContain("days=7");
  cleanup();
  await open();
  expect(await screen.findByRole("radio", { name: "7 days", checked: true })).toBeTruthy();
});

test("it is read again after 30 seconds, and when somebody comes back, but never unseen", async () => {
  const route = "GET /api/v1/analytics/hours";
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(false);
  render(<ConsolePage />);
  await untilAsked(server, route);
  vi.advanceTimersByTime(30_000);
  await untilAsked(server, route, 2);
  hidden.mockReturnValue(true);
  vi.advanceTimersByTime(30_000);
  hidden.mockReturnValue(false);
  // Had it asked unseen, that would have been the third time.
  fireEvent.click(screen.getByRole("radio", { name: "7 days" }));
  expect((await untilAsked(server, route, 3)).path).toContain("days=7");
  document.dispatchEvent(new Event("visibilitychange"));
  await untilAsked(server, route, 4);
});

test("what cannot be read says so once, and what was read stays", async () => {
  server.on("GET /api/v1/analytics/overview", () => problem(503, "unavailable"));
  await open();
  expect(await screen.findByText("Busy for a moment")).toBeTruthy();
  expect(screen.queryByText("Funnel")).toBeNull();
  report("overview", overview);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(await screen.findByRole("row", { name: "Approved 900 90 %" })).toBeTruthy();
  server.on("GET /api/v1/analytics/overview", () => problem(503, "unavailable"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(await screen.findByText(/This is not renewed: Busy for a moment/)).toBeTruthy();
  expect(screen.getByRole("row", { name: "Approved 900 90 %" })).toBeTruthy();
});

test("figures of one period never stand under the name of another", async () => {
  await open();
  const row = { name: "After 60 s 70 70 %" };
  expect(await screen.findByRole("row", row)).toBeTruthy();
  server.on("GET /api/v1/analytics/delays", () => problem(503, "unavailable"));
  await userEvent.click(screen.getByRole("radio", { name: "7 days" }));
  expect(await screen.findAllByText(/This could not be read/)).toHaveLength(2);
  expect(screen.queryByRole("row", row)).toBeNull();
});

test("where too few people were asked, it says what will appear", async () => {
  report("overview", { ...overview, totals: { ...overview.totals, send_code: 0 } });
  await open();
  expect(await screen.findByText(/Fewer than 5 people were asked/)).toBeTruthy();
  expect(screen.queryByText("Funnel")).toBeNull();
  await expectAccessible();
});

test("switched off, it says how to switch it on", async () => {
  server.on("GET /api/v1/analytics/overview", () => problem(404, "not_found"));
  await open();
  expect(await screen.findByText("ANALYTICS_ENABLED=true")).toBeTruthy();
  expect(screen.queryByRole("radio", { name: "7 days" })).toBeNull();
});
