import { expect, test } from "vitest";
import type { StatusBody } from "../sdk";
import { type Fallback, outOfReach, railSteps } from "./rail";
import { english } from "./texts";
import type { Track } from "./tracks";

const body = (more: Partial<StatusBody> = {}): StatusBody => ({
  verification_id: "ver_1",
  purpose: "login",
  status: "pending",
  phone_number: "+1 ••• 0123",
  prompt_expires_at: "2026-05-04T10:02:00.000Z",
  seq: 1,
  server_time: "2026-05-04T10:00:00.000Z",
  ...more,
});

const track = (channel: string, state: string, more: Partial<Track> = {}): Track => ({
  id: `${channel}-1`,
  channel,
  device: "d",
  state,
  class: "",
  ...more,
});

const read = (tracks: Track[], more: Partial<StatusBody> = {}, fallback: Fallback | null = null) =>
  railSteps(english, body(more), tracks, fallback).map(
    (s) => `${s.kind} ${s.state}: ${s.sentence}`,
  );

test("at the start the phone is looked for and nothing else is promised", () => {
  expect(read([])).toEqual([
    "app active: Looking for your phone",
    "push quiet: Only if the app cannot be reached",
    "sms quiet: Only if you need it",
  ]);
});

test.each([
  ["queued", "app active: Looking for your phone"],
  ["accepted", "app active: Asking your phone"],
  ["delivered", "app active: Your phone has the request"],
  ["displayed", "app active: Your phone has shown it"],
  ["responded", "app done: Your phone has answered"],
  ["undelivered", "app failed: Your app is not connected"],
  ["expired", "app failed: No answer in time"],
  ["canceled", "app quiet: Not needed any more"],
])("the app's delivery is %s", (state, sentence) => {
  expect(read([track("websocket", state)])[0]).toBe(sentence);
});

test.each([
  ["sending", "push active: Sending a notification"],
  ["accepted", "push active: Notification sent, open it on your phone"],
  ["delivered", "push active: Your phone has the notification"],
  ["failed", "push failed: The notification did not get through"],
])("the push is %s", (state, sentence) => {
  expect(read([track("push", state)])[1]).toBe(sentence);
});

test("a push that can never arrive says why", () => {
  const dead = track("push", "failed", { class: "permanent_target" });
  expect(read([dead])[1]).toBe("push failed: Notifications are off on your phone");
});

test("an app that is not connected is followed by a push, or by the reason for none", () => {
  const app = track("websocket", "undelivered");
  expect(read([app])[1]).toBe("push failed: Notifications are off on your phone");
  expect(read([app], { fallback: { channel: "push", in: 1 } })[1]).toContain("push quiet");
  expect(read([app], { status: "canceled" })[1]).toBe("push quiet: Not needed this time");
});

test.each([
  [[], false],
  [["undelivered"], true],
  [["undelivered", "accepted"], false],
  [["undelivered", "failed"], true],
  [["accepted"], false],
])("app and push %j: out of reach is %s", (states, out) => {
  const channels = ["websocket", "push"];
  const tracks = states.map((state, place) => track(channels[place] ?? "", state));
  expect(outOfReach(body(), tracks)).toBe(out);
});

test.each([
  ["queued", "sms active: Sending an SMS to +1 ••• 0123"],
  ["accepted", "sms active: Your code is on its way"],
  ["delivered", "sms active: Your code has arrived"],
  ["undelivered", "sms failed: The SMS did not get through"],
  ["unknown", "sms failed: We cannot tell if it left, you may send it again"],
])("the SMS is %s", (state, sentence) => {
  expect(read([track("sms", state)])[2]).toBe(sentence);
});

test.each([
  ["queued", "voice active: Calling you"],
  ["accepted", "voice active: We are calling you with a code"],
  ["delivered", "voice active: The call has reached you"],
  ["failed", "voice failed: The call did not get through"],
])("the call is %s", (state, sentence) => {
  expect(read([track("sms", "delivered"), track("voice", state)])[2]).toBe(sentence);
});

test("the last step is the newest way of a code, and in the end the one that was typed", () => {
  expect(read([track("voice", "delivered"), track("sms", "queued")])[2]).toMatch(/^sms active/);
  expect(read([track("email", "queued")])[2]).toBe("email active: Sending an e-mail");
  expect(read([], {}, { channel: "voice", seconds: 3 })[2]).toBe(
    "voice quiet: No answer yet, calling you in 3 s",
  );
  const called = { status: "approved", method: "voice_code" } as const;
  expect(read([track("voice", "accepted"), track("sms", "accepted")], called)[2]).toBe(
    "voice done: You typed the code",
  );
});

test("when a code was asked for at once, no phone was asked", () => {
  expect(read([track("sms", "accepted")]).slice(0, 2)).toEqual([
    "app quiet: Not asked this time",
    "push quiet: Not asked this time",
  ]);
});

test("what comes by itself is told with its seconds", () => {
  const app = track("websocket", "accepted");
  expect(read([app], {}, { channel: "push", seconds: 4 })[1]).toBe(
    "push quiet: No answer yet, sending a notification in 4 s",
  );
  expect(read([app], {}, { channel: "sms", seconds: 12 })[2]).toBe(
    "sms quiet: No answer yet, sending an SMS in 12 s",
  );
});

test("without a number no SMS is offered", () => {
  expect(read([], { phone_number: null })[2]).toBe("sms quiet: No number is on file");
});

test("after the end the way that worked is done and the others rest", () => {
  expect(read([track("websocket", "responded")], { status: "approved", method: "app" })).toEqual([
    "app done: Your phone has answered",
    "push quiet: Not needed this time",
    "sms quiet: Not needed this time",
  ]);
  const sms = { status: "approved", method: "sms_code" } as const;
  expect(read([track("sms", "accepted")], sms)[2]).toBe("sms done: You typed the code");
});

test("what a rule held back says so, and what no rule lets be is not offered", () => {
  const unrung = [track("websocket", "suppressed", { class: "policy" })];
  expect(read([...unrung, track("sms", "suppressed")])).toEqual([
    "app quiet: Not rung: open the app to answer",
    "push quiet: Not asked this time",
    "sms failed: Not sent, to keep you safe",
  ]);
  expect(read([track("sms", "accepted")], { stage: "locked" })[2]).toBe(
    "sms failed: Codes are paused",
  );
  const later = { locked_until: "2026-05-05T10:00:00.000Z" };
  expect(read([track("websocket", "delivered")], later)[2]).toBe("sms failed: Codes are paused");
});

test("a refusal is not drawn as a success", () => {
  const [app] = read([track("websocket", "responded")], { status: "denied" });
  expect(app).toBe("app failed: Your phone has answered");
});

test("a request that ran out and a code that is used up say so", () => {
  const over = { stage: "awaiting_resend", prompt_expires_at: null } as const;
  expect(read([track("websocket", "displayed"), track("sms", "accepted")], over)).toEqual([
    "app failed: No answer in time",
    "push quiet: Only if the app cannot be reached",
    "sms failed: That code can no longer be used",
  ]);
});
