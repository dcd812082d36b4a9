import { expect, test } from "vitest";
import { english } from "../../component/texts";
import { NO_COUNTDOWNS, type StatusBody } from "../../sdk";
import { askedWords, endingOf, resultSpoken, viewOf, waitingWords, waysOf } from "./model";

const body = (more: Partial<StatusBody>): StatusBody => ({
  verification_id: "ver_1",
  purpose: "login",
  status: "pending",
  seq: 1,
  server_time: "2026-05-04T10:00:00.000Z",
  ...more,
});

test.each([
  ["queued", "asked"],
  ["contacting_app", "asked"],
  ["prompted", "asked"],
  ["code_entry", "code"],
  ["awaiting_resend", "waiting"],
  ["locked", "locked"],
] as const)("in stage %s the card shows %s", (stage, view) => {
  expect(viewOf(body({ stage }))).toBe(view);
});

test("a request that cannot come by itself is not insisted on", () => {
  const off = [{ id: "a", channel: "websocket", device: "d", state: "undelivered", class: "" }];
  const open = { match_number: "042", prompt_expires_at: "2026-05-04T10:02:00.000Z" };
  expect(askedWords(english, null, [])).toContain("type this number, and approve");
  expect(askedWords(english, body(open), [])).toContain("type this number, and approve");
  expect(askedWords(english, body({ ...open, match_number: null }), [])).toContain("answer it");
  expect(askedWords(english, body({ ...open, fallback: { channel: "sms", in: 30 } }), off)).toBe(
    "We cannot reach your phone right now, so a code comes by SMS. Or open the app there and type this number.",
  );
  const away = "We cannot reach your phone right now. Open the app there and type this number.";
  expect(askedWords(english, body(open), off)).toBe(away);
  const ways: Partial<StatusBody>[] = [
    { next_actions: { sms_in: 30 } },
    { next_actions: { sms_in: null, voice_in: 0 } },
    { alternatives: [{ kind: "email", label: "a•••@example.com", available_in: 0 }] },
  ];
  for (const way of ways) {
    expect(askedWords(english, body({ ...open, ...way }), off)).toBe(`${away} Or ask for a code.`);
  }
});

test("only what is possible is offered, with its wait", () => {
  const left = { ...NO_COUNTDOWNS, push: 0, sms: 45 };
  expect(waysOf(english, body({}), [], left)).toEqual([
    { channel: "push", wait: 0, label: "Ask my phone", first: false },
    { channel: "sms", wait: 45, label: "Text me in 45 s", first: true },
  ]);
  expect(waysOf(english, body({}), [], NO_COUNTDOWNS)).toEqual([]);
});

test("what was sent before is sent again, but for the newest code, which has its own button", () => {
  const track = { id: "a", device: "", state: "accepted", class: "" };
  const left = { ...NO_COUNTDOWNS, push: 0, sms: 0, voice: 0 };
  const tracks = [
    { ...track, channel: "websocket" },
    { ...track, channel: "sms" },
  ];
  expect(waysOf(english, body({}), tracks, left).map((way) => [way.label, way.first])).toEqual([
    ["Ask again", false],
    ["Call me", false],
  ]);
});

test.each([
  ["denied", "user_denied", "You said no"],
  ["denied", "wrong_number", "That number did not match"],
  ["denied", "user_reported", "Thank you for telling us"],
  ["expired", null, "Time ran out"],
  ["failed", "max_attempts", "No tries left"],
  ["failed", "undeliverable", "We could not reach you"],
  ["blocked", "account_locked", "This sign-in was held back"],
  ["blocked", "fraud_rule", "This sign-in was held back"],
  ["blocked", "rate_limited", "This sign-in was held back"],
  ["superseded", null, "A newer sign-in took over"],
  ["canceled", null, "Sign-in canceled"],
] as const)("%s by %s ends with “%s”, a reason and a next step", (status, reason, title) => {
  const ending = endingOf(english, body({ status, reason }));
  expect(ending.title).toBe(title);
  expect(ending.text.length).toBeGreaterThan(40);
  expect(ending.text).not.toMatch(/!|prompt|[a-z]_[a-z]/);
  expect(resultSpoken(english, body({ status, reason }))).toBe(`${title}. ${ending.text}`);
});

test("after a report starting again at once is not offered", () => {
  expect(endingOf(english, body({ status: "denied", reason: "user_reported" })).again).toBeNull();
});

test("the result is spoken once there is one", () => {
  expect(resultSpoken(english, null)).toBe("");
  expect(resultSpoken(english, body({}))).toBe("");
  expect(resultSpoken(english, body({ status: "approved" }))).toBe(
    "Approved. You are being signed in.",
  );
});

test("while nothing is under way the page says why", () => {
  const title = (more: Partial<StatusBody>) => waitingWords(english, body(more)).title;
  expect(title({ stage: "awaiting_resend" })).toBe("Shall we ask again?");
  expect(title({ stage: "awaiting_resend", attempts_remaining: 0 })).toBe(
    "That code can no longer be used",
  );
});
