// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { problem, type TestServer } from "../../sdk/testing/server";
import { asked, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { ConsolePage } from "./ConsolePage";
import type { WebhookMessage, WebhookReport } from "./useWebhooks";
import { countWords, webhookWords } from "./webhooks";

const now = "2026-05-04T10:00:00.000Z";
const later = (seconds: number) => new Date(Date.parse(now) + seconds * 1000).toISOString();

const message = (more: Partial<WebhookMessage> = {}): WebhookMessage => ({
  id: "evt_1",
  type: "verification.approved",
  verification_id: `ver_${"0".repeat(32)}`,
  state: "delivered",
  attempts: 1,
  status: 200,
  created_at: now,
  ...more,
});

const report = (...messages: WebhookMessage[]): WebhookReport => ({
  on: true,
  host: "bank.example",
  counts: { waiting: 0, held: 0, delivered: messages.length, failed: 0 },
  messages,
  server_time: now,
});

let server: TestServer;
let known: WebhookReport;

beforeEach(async () => {
  server = await openNetwork();
  known = report(message());
  server.on("GET /api/v1/outbox", () => problem(404, "not_found"));
  server.on("GET /api/v1/webhooks", () => ({ body: known }));
  sessionStorage.setItem("nod.console.session", "session-1");
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

async function open() {
  render(<ConsolePage />);
  return within(await screen.findByRole("region", { name: "Webhooks" }));
}

test("what was told stands there, and leads to its verification", async () => {
  const pane = await open();
  expect(await pane.findByText("To bank.example: 1 delivered.")).toBeTruthy();
  expect(pane.getByText("Taken at the first try")).toBeTruthy();
  expect(pane.queryByRole("button", { name: /not delivered/ })).toBeNull();
  await expectAccessible();
  await userEvent.click(pane.getByRole("button", { name: "verification.approved" }));
  await untilAsked(server, `GET /api/v1/verifications/${message().verification_id}/timeline`);
});

test("a test is sent by the keyboard, and its coming is said", async () => {
  server.on("POST /api/v1/webhooks/test", ({ headers }) => {
    known = report(message({ id: "evt_2", type: "webhook.test", verification_id: undefined }));
    expect(headers.authorization).toBe("Bearer session-1");
    return { status: 202, body: { id: "evt_2" } };
  });
  const pane = await open();
  (await pane.findByRole("button", { name: "Send a test" })).focus();
  await userEvent.keyboard("{Enter}");
  expect(await pane.findByText(/test is on its way/)).toBeTruthy();
  expect(pane.getByRole("status").textContent).toContain("test is on its way");
  expect(await pane.findByText("webhook.test")).toBeTruthy();
});

test("one is replayed, and all that was not delivered", async () => {
  known = report(message({ state: "failed", status: 500, attempts: 8 }));
  known.counts = { waiting: 0, held: 2, delivered: 0, failed: 1 };
  server.on("POST /api/v1/webhooks/evt_1/replay", () => ({ status: 202, body: { id: "evt_1" } }));
  let calls = 0;
  server.on("POST /api/v1/webhooks/replay", () => {
    calls++;
    return { status: 202, body: calls === 1 ? { replayed: 2, next_since: now } : { replayed: 1 } };
  });
  const pane = await open();
  await userEvent.click(await pane.findByRole("button", { name: /^Replay verification.approved/ }));
  expect(await pane.findByText(/on its way once more/)).toBeTruthy();
  await userEvent.click(pane.getByRole("button", { name: "Replay what was not delivered" }));
  expect(await pane.findByText("3 events are on their way.")).toBeTruthy();
  expect(asked(server, "POST /api/v1/webhooks/replay")[1]?.body).toEqual({ since: now });
});

test("one is replayed where its verification stands, too", async () => {
  const id = message().verification_id;
  known = report(
    message({ state: "failed", status: 500, attempts: 8 }),
    message({ id: "evt_9", verification_id: `ver_${"9".repeat(32)}` }),
  );
  server.on(`GET /api/v1/verifications/${id}/timeline`, () => ({
    body: { events: [{ seq: 1, name: "verification.created", at: now }] },
  }));
  server.on("POST /api/v1/search", () => ({ body: { verifications: [] } }));
  server.on("POST /api/v1/webhooks/evt_1/replay", () => ({ status: 202, body: { id: "evt_1" } }));
  const pane = await open();
  const [first] = await pane.findAllByRole("button", { name: "verification.approved" });
  await userEvent.click(first as HTMLElement);
  const told = within(await screen.findByRole("list", { name: "Webhooks of this verification" }));
  expect(told.getAllByRole("listitem")).toHaveLength(1);
  await expectAccessible();
  await userEvent.click(told.getByRole("button", { name: /^Replay verification.approved/ }));
  await untilAsked(server, "POST /api/v1/webhooks/evt_1/replay");
  expect(await screen.findAllByText(/on its way once more/)).not.toEqual([]);
});

test("an endpoint that is gone says so, and is enabled again", async () => {
  known = { ...report(message({ state: "held", status: 410 })), disabled_at: now };
  server.on("POST /api/v1/webhooks/enable", () => {
    known = report(message({ state: "held", status: 410 }));
    return { body: { on: true } };
  });
  const pane = await open();
  expect(await pane.findByText("bank.example wants no more webhooks")).toBeTruthy();
  expect(pane.queryByRole("button", { name: "Send a test" })).toBeNull();
  expect(pane.getByRole("button", { name: /^Replay/ }).hasAttribute("disabled")).toBe(true);
  await expectAccessible();
  await userEvent.click(pane.getByRole("button", { name: "Enable" }));
  expect(await pane.findByText(/is sent again/)).toBeTruthy();
  expect(await pane.findByRole("button", { name: "Send a test" })).toBeTruthy();
});

test("a refusal says what to do", async () => {
  server.on("POST /api/v1/webhooks/test", () =>
    problem(409, "conflict", { title: "Not possible now", detail: "Enable the endpoint." }),
  );
  const pane = await open();
  await userEvent.click(await pane.findByRole("button", { name: "Send a test" }));
  expect(await pane.findByText("Enable the endpoint.")).toBeTruthy();
});

test("without webhooks it says what to set", async () => {
  known = { ...report(), on: false, host: undefined };
  const pane = await open();
  expect(await pane.findByText("NOD_WEBHOOK_URL")).toBeTruthy();
  expect(pane.getByText("NOD_WEBHOOK_SECRET")).toBeTruthy();
  expect(pane.queryByRole("button")).toBeNull();
});

test.each<[string, Partial<WebhookMessage>]>([
  ["Taken at the first try", { state: "delivered", attempts: 1 }],
  ["Taken after 3 tries", { state: "delivered", attempts: 3 }],
  ["On its way", { state: "waiting", attempts: 0, status: undefined, next_try_at: now }],
  ["On its way", { state: "waiting", attempts: 1, status: undefined, next_try_at: later(30) }],
  [
    "It answered 503. Next try in 5 minutes",
    { state: "waiting", attempts: 2, status: 503, next_try_at: later(300) },
  ],
  [
    "It answered 503. Next try now",
    { state: "waiting", attempts: 2, status: 503, next_try_at: later(-1) },
  ],
  [
    "It answered 302, and redirects are not followed. Given up after 8 tries",
    { state: "failed", attempts: 8, status: 302, detail: "redirect" },
  ],
  [
    "It did not answer in time. Given up after 1 try",
    { state: "failed", attempts: 1, status: undefined, detail: "timeout" },
  ],
  [
    "It could not be reached. Given up after 2 tries",
    { state: "failed", attempts: 2, status: undefined, detail: "panic" },
  ],
  ["Held until the endpoint is enabled and it is replayed", { state: "held", status: 410 }],
])("%s", (words, more) => {
  expect(webhookWords(message(more), report())).toBe(words);
});

test("while the endpoint is disabled nothing is tried", () => {
  const waiting = message({ state: "waiting", status: 503, next_try_at: later(300) });
  expect(webhookWords(waiting, { ...report(), disabled_at: now })).toContain("Will be held");
});

test("there may be more than are counted", () => {
  const counts = { waiting: 2, held: 0, delivered: 10_000, failed: 1 };
  expect(countWords({ ...report(), counts })).toBe("2 waiting, 1 failed, 10,000 or more delivered");
});
