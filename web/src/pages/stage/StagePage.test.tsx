// @vitest-environment jsdom
import { act, cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { problem, type TestServer } from "../../sdk/testing/server";
import { allOn, type Message } from "../bridge";
import { ada, openBank, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { StagePage } from "./StagePage";

let server: TestServer;

beforeEach(async () => {
  server = await openNetwork();
  openBank(server);
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

/** What the frames tell the stage. */
const tell = (...messages: Message[]) =>
  act(() => {
    for (const data of messages) {
      window.dispatchEvent(new MessageEvent("message", { data, origin: location.origin }));
    }
  });
const ready = (slot = "1", waiting = false): Message => ({
  nod: "phone",
  slot,
  switches: allOn,
  notified: true,
  ready: true,
  waiting,
});
const happens = (seq: number, name: string, ms: number, more: object = {}): Message => ({
  nod: "event",
  verification_id: "ver_1",
  event: { seq, name, at: new Date(ms).toISOString(), ...more },
});
const began = (verification_id = "ver_1"): Message => ({ nod: "began", verification_id });

test("the first state says what to do first and what will appear", async () => {
  render(<StagePage />);
  expect(screen.getByText(/Each step will appear here/)).toBeTruthy();
  const now = screen.getByText("Continue on the login page, then answer on the phone.");
  expect(now.closest("li")?.getAttribute("aria-current")).toBe("step");
  expect(screen.getByRole("switch", { name: "Online" })).toHaveProperty("disabled", true);
  expect(await screen.findByText(/demo_ada/)).toBeTruthy();
  await expectAccessible();
});

test("the timeline fills as it happens, each step with its delay", () => {
  render(<StagePage />);
  tell(
    began(),
    happens(1, "verification.created", 0),
    happens(2, "delivery.accepted", 12, { channel: "websocket" }),
    happens(3, "delivery.displayed", 1_204, { channel: "websocket" }),
  );
  const list = screen.getByRole("list", { name: "Timeline of this sign-in" });
  expect(
    within(list)
      .getAllByRole("listitem")
      .map((line) => line.textContent),
  ).toEqual([
    "+0 msSign-in asked for verification.created",
    "+12 msSent over the open connection delivery.accepted",
    "+1,204 msThe phone has shown it delivery.displayed",
  ]);
});

test.each([
  ["the app", { method: "app" }, "websocket", 0],
  ["a notification", { method: "app" }, "push", 1],
  ["a code", { method: "sms_code" }, "", 2],
])("a sign-in by %s is ticked off", (_way, approved, channel, place) => {
  render(<StagePage />);
  if (channel) tell(began(), happens(1, "delivery.responded", 1, { channel }));
  tell(began(), happens(2, "verification.approved", 2, approved));
  const steps = screen.getAllByText(/^(Continue on|Switch Online|Switch Push)/);
  const states = steps.map((step) => step.closest("li")?.getAttribute("data-state"));
  expect(states.map((state) => state === "done")).toEqual([0, 1, 2].map((n) => n === place));
  tell(began("ver_2"));
  expect(screen.getByText("Done:")).toBeTruthy();
});

test("a sign-in that a remembered browser skipped is shown, with the way back, and ticks nothing off", () => {
  render(<StagePage />);
  tell(
    began(),
    happens(1, "verification.created", 0),
    happens(2, "verification.skipped_trusted", 0),
    happens(3, "verification.approved", 0, { method: "trusted_device" }),
  );
  const list = screen.getByRole("list", { name: "Timeline of this sign-in" });
  expect(within(list).getByText("Recognised this browser, so nobody is asked")).toBeTruthy();
  expect(screen.getByText(/Press “Forget it” on the login page/)).toBeTruthy();
  expect(screen.queryByText("Done:")).toBeNull();
  tell(began("ver_2"));
  expect(screen.queryByText(/Press “Forget it”/)).toBeNull();
});

test("what providers have is not promised on the phone", async () => {
  const sent_by = { push: ["fcm"], sms: ["twilio"] };
  server.on("POST /demo/people", () => ({ status: 201, body: { ...ada, sent_by } }));
  render(<StagePage />);
  tell(ready());
  expect(
    await screen.findByText(/a notification goes to FCM. Open the app to answer/),
  ).toBeTruthy();
  expect(screen.getByText(/an SMS with a code goes to Twilio, in half a minute/)).toBeTruthy();
  expect(
    screen.getByText(/Notifications go to FCM. SMS go to Twilio. With make run-p/),
  ).toBeTruthy();
  expect(screen.queryByRole("switch", { name: "Signal" })).toBeNull();
  await expectAccessible();
});

test("where Web Push is on, the way to turn notifications on is shown until they are", async () => {
  const sent_by = { push: ["fcm", "webpush"] };
  server.on("POST /demo/people", () => ({ status: 201, body: { ...ada, sent_by } }));
  render(<StagePage />);
  const off: Message = { ...ready(), notified: false } as Message;
  tell(off);
  const link = await screen.findByRole("link", { name: "the phone's own page" });
  expect(link.getAttribute("href")).toBe("/phone");
  const push = screen.getByRole("switch", { name: "Push allowed" });
  expect(push.getAttribute("aria-checked")).toBe("false");
  expect(push).toHaveProperty("disabled", true);
  expect(screen.getByText("Notifications are off")).toBeTruthy();
  expect(screen.getByText(/an SMS brings a code/)).toBeTruthy();
  await expectAccessible();
  tell(ready());
  expect(screen.getByText(/sign in again: a notification takes over\./)).toBeTruthy();
  expect(screen.queryByRole("link", { name: "the phone's own page" })).toBeNull();
  expect(push.getAttribute("aria-checked")).toBe("true");
});

test("where nobody brings notifications, none is among what can be tried", async () => {
  const sent_by = { push: [], sms: ["vonage"] };
  server.on("POST /demo/people", () => ({ status: 201, body: { ...ada, sent_by } }));
  render(<StagePage />);
  tell({ ...ready(), notified: false } as Message);
  expect(await screen.findByText(/^Switch Online off and sign in again: an SMS/)).toBeTruthy();
  expect(screen.queryByText(/a notification takes over/)).toBeNull();
  expect(screen.getByText("No notification can wake it")).toBeTruthy();
});

test("a switch is turned in the phone, and shown as the phone tells it", async () => {
  render(<StagePage />);
  tell(ready());
  const frame = screen.getByTitle("Phone") as HTMLIFrameElement;
  const post = vi.spyOn(frame.contentWindow as Window, "postMessage");
  await userEvent.click(screen.getByRole("switch", { name: "Online" }));
  const switches = { ...allOn, online: false };
  expect(post).toHaveBeenCalledWith({ nod: "switch", slot: "1", switches }, location.origin);
  expect(screen.getByRole("switch", { name: "Online" }).getAttribute("aria-checked")).toBe("true");
  tell({ ...ready(), switches } as Message);
  expect(screen.getByRole("switch", { name: "Online" }).getAttribute("aria-checked")).toBe("false");
});

test("a phone that asks out of sight can be gone to", () => {
  render(<StagePage />);
  tell(ready("1", true));
  const hint = screen.getByRole("link", { name: "Your phone is asking" });
  expect(document.querySelector(hint.getAttribute("href") ?? "")?.ariaLabel).toBe("Phone");
  tell(ready("1", false));
  expect(screen.queryByRole("link", { name: "Your phone is asking" })).toBeNull();
});

test("a second phone has switches of its own", async () => {
  render(<StagePage />);
  await userEvent.click(screen.getByRole("button", { name: "Add a second phone" }));
  tell(ready("2"));
  expect(screen.getByTitle("Phone 2").getAttribute("src")).toBe("/phone?slot=2");
  const second = screen.getByRole("group", { name: "Phone 2" });
  expect(within(second).getByRole("switch", { name: "Signal" })).toHaveProperty("disabled", false);
  expect(screen.queryByRole("button", { name: "Add a second phone" })).toBeNull();
  await expectAccessible();
});

test("your own phone joins by a QR code or a link", async () => {
  const link = `${location.origin}/phone#enroll=e`;
  server.on("POST /demo/enrollments", () => ({ status: 201, body: { link } }));
  render(<StagePage />);
  await screen.findByText(/demo_ada/);
  await userEvent.click(screen.getByRole("button", { name: "Use your own phone" }));
  expect((await screen.findByRole("link", { name: "open the link" })).getAttribute("href")).toBe(
    link,
  );
  expect(screen.getByRole("img", { name: "QR code that sets up your phone" })).toBeTruthy();
  expect((await untilAsked(server, "POST /demo/enrollments")).headers.authorization).toBe(
    "Demo demo-1",
  );
  await expectAccessible();
});

test("a link that cannot be had says why", async () => {
  server.on("POST /demo/enrollments", () => problem(503, "unavailable", { detail: "Wait a bit." }));
  render(<StagePage />);
  await screen.findByText(/demo_ada/);
  await userEvent.click(screen.getByRole("button", { name: "Use your own phone" }));
  expect(await screen.findByText("Wait a bit.")).toBeTruthy();
});
