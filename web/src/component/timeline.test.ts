import { expect, test } from "vitest";
import { addEvent, eventWords, type TimelineEvent, timelineLines } from "./timeline";

const at = (ms: number) => new Date(Date.UTC(2026, 4, 4) + ms).toISOString();
const event = (seq: number, name: string, more: object = {}): TimelineEvent => ({
  seq,
  name,
  at: at(seq * 10),
  ...more,
});

test("lines stand in order with the delay since the first event", () => {
  const lines = timelineLines([
    event(3, "delivery.accepted", { channel: "websocket" }),
    event(1, "verification.created"),
  ]);
  expect(lines.map((line) => [line.delay, line.icon, line.words])).toEqual([
    ["+0 ms", "dot", "Sign-in asked for"],
    ["+20 ms", "app", "Sent over the open connection"],
  ]);
});

test("an event that comes twice stands once", () => {
  const once = addEvent([], event(1, "verification.created"));
  expect(addEvent(once, event(1, "verification.created"))).toBe(once);
});

test("good and bad ends are told apart by sign and tone", () => {
  const [good, bad] = timelineLines([
    event(1, "verification.approved", { method: "app" }),
    event(2, "verification.denied", { reason: "wrong_number" }),
  ]);
  expect(good).toMatchObject({ icon: "check", tone: "good", words: "Approved on the phone" });
  expect(bad).toMatchObject({
    icon: "cross",
    tone: "bad",
    words: "Refused: the wrong number was typed",
  });
});

test("every event of the contract has words of its own", () => {
  const names = {
    verification:
      "created reused stage_changed approved denied reported failed expired canceled superseded blocked locked skipped_trusted",
    code: "issued check_failed exhausted",
    resend: "requested rejected",
    delivery:
      "queued accepted retrying unknown delivered displayed responded undelivered failed suppressed expired canceled fallback_started",
    phone: "changed",
    operator: "acted",
    risk: "limit_hit push_suppressed budget_exceeded spend_warning spend_stop assessed",
  };
  for (const [room, list] of Object.entries(names)) {
    for (const name of list.split(" ")) {
      expect(eventWords(event(1, `${room}.${name}`, { channel: "sms" }))).not.toContain(".");
    }
  }
  expect(eventWords(event(1, "something.new"))).toBe("something.new");
});

test("what an operator did is told with the session it was done by", () => {
  const acted = (action: string) => event(1, "operator.acted", { action, by: "console 3fa9c1d2" });
  const words = ["cancel", "block", "unlock", "replay_webhook", "something_new"].map((action) =>
    eventWords(acted(action)),
  );
  expect(words).toEqual([
    "An operator canceled it",
    "An operator blocked the person",
    "An operator unlocked the person",
    "An operator sent a webhook again",
    "An operator acted",
  ]);
  expect(timelineLines([acted("block")])[0]).toMatchObject({
    icon: "shield",
    by: "console 3fa9c1d2",
  });
});

test("what keeps people and money safe is told with its figures", () => {
  const told = (name: string, more: object) => eventWords(event(1, name, more));
  expect([
    told("verification.locked", { until: at(24 * 3600_000 + 10) }),
    told("verification.locked", {}),
    told("risk.limit_hit", { limit: "sends_phone" }),
    told("risk.limit_hit", { limit: "newer_than_this" }),
    told("risk.budget_exceeded", { country: "LV", limit: "country_day", mode: "deny" }),
    told("risk.budget_exceeded", { limit: "ip_hour", mode: "record_only" }),
    told("risk.spend_warning", { percent: 80 }),
    told("risk.assessed", { score: 60, reasons: "new_device,unusual_hour" }),
    told("risk.limit_hit", { limit: "prefix", detail: "+44791101" }),
    told("risk.assessed", { score: 15, reasons: "new_network,trusted_network" }),
    told("risk.assessed", { reasons: "trusted_asked" }),
    told("risk.assessed", { reasons: "trusted_newer_than_this" }),
    // To a page, without what they are made of.
    told("risk.limit_hit", {}),
    told("risk.budget_exceeded", { country: "LV" }),
    told("risk.spend_warning", {}),
    told("risk.assessed", {}),
    told("delivery.suppressed", { channel: "sms", detail: "sends_user" }),
    told("delivery.suppressed", { channel: "voice", detail: "presend" }),
    told("delivery.suppressed", { channel: "push" }),
    told("operator.acted", { action: "block", detail: "prefix +37120" }),
    told("operator.acted", { action: "unlock", detail: "country LV" }),
  ]).toEqual([
    "Too many wrong codes: code entry is paused for 24 hours",
    "Too many wrong codes: code entry is paused until somebody unlocks the person",
    "Limit reached: codes to this number",
    "Limit reached: newer_than_this",
    "Too many codes to Latvia today that nobody proved",
    "Too many codes for one network address this hour that nobody proved, only noted so far",
    "80 % of the day's budget for codes is spent",
    "Looked unusual (60 of 100): a new browser, an unusual hour",
    "Limit reached: codes to +44791101… that nobody proved",
    "Looked unusual (15 of 100): a new network. A trusted browser was asked: not in a network it is known from",
    "A trusted browser was asked: this needs the person's own answer",
    "A trusted browser was asked: trusted_newer_than_this",
    "Limit reached: too many in a short time",
    "Too many codes that nobody proved",
    "Much of the day's budget for codes is spent",
    "Looked unusual",
    "Held back an SMS: too many codes to this person",
    "Held back a call: your own server said no",
    "Held back a notification",
    "An operator blocked prefix +37120",
    "An operator lifted the block of country LV",
  ]);
});

test("a phone that is not connected is no failure", () => {
  const tones = ["websocket", "sms"].map(
    (channel) => timelineLines([event(1, "delivery.failed", { channel })])[0]?.tone,
  );
  expect(tones).toEqual(["plain", "bad"]);
});

test("a delivery names its provider, a refusal its reason", () => {
  const [taken, held] = timelineLines([
    event(1, "delivery.accepted", { channel: "sms", provider: "twilio", country: "DE" }),
    event(2, "verification.blocked", { reason: "account_locked" }),
  ]);
  expect(taken).toMatchObject({ words: "The provider took an SMS", by: "twilio" });
  expect(held?.words).toBe("Blocked before anything was sent: the person is held back");
});
