import { expect, test } from "vitest";
import type { Prompt } from "../../sdk";
import {
  addDelivered,
  answered,
  browserWords,
  closed,
  codeIn,
  type Delivered,
  notifications,
} from "./model";

const now = Date.parse("2026-05-04T10:00:00Z");
const at = (secondsAgo: number) => new Date(now - secondsAgo * 1000).toISOString();
const push = (id: string, secondsAgo: number, ver = `ver_${id}`): Delivered => ({
  id,
  channel: "push",
  data: { verification_id: ver },
  at: at(secondsAgo),
});
const sms = (id: string, secondsAgo: number, channel: Delivered["channel"] = "sms"): Delivered => ({
  id,
  channel,
  text: "123456 is your code.",
  at: at(secondsAgo),
});
const prompt = (verificationId: string) => ({ verificationId }) as Prompt;
const none: ReadonlySet<string> = new Set();
const keys = (...args: Parameters<typeof notifications>) =>
  notifications(...args).map((n) => n.key);

test("a request stands once, however often and whichever way it came", () => {
  const list = [push("1", 5, "ver_a"), push("2", 4, "ver_a")];
  expect(keys([prompt("ver_a")], list, none, true, now)).toEqual(["ver_a"]);
});

test("what was answered, ended or is long gone is not shown", () => {
  expect(keys([], [push("1", 5)], new Set(["ver_1"]), true, now)).toEqual([]);
  expect(keys([], [push("1", 121)], none, true, now)).toEqual([]);
  expect(keys([], [sms("1", 601)], none, true, now)).toEqual([]);
});

test("without signal no text is shown, and it is there when the signal is back", () => {
  const list = [sms("1", 5)];
  expect(keys([], list, none, false, now)).toEqual([]);
  expect(keys([], list, none, true, now)).toEqual(["1"]);
});

test("a call needs signal, a mail does not, and each says what it is", () => {
  const list = [sms("call", 5, "voice"), sms("mail", 6, "email")];
  expect(keys([], list, none, false, now)).toEqual(["mail"]);
  const [call, mail] = notifications([], list, none, true, now);
  expect([call, mail]).toMatchObject([{ channel: "voice" }, { channel: "email" }]);
});

test("the newest stands on top", () => {
  expect(keys([], [sms("old", 60), push("new", 2)], none, true, now)).toEqual(["ver_new", "old"]);
});

test("a message that comes twice is kept once", () => {
  const list = addDelivered([], sms("1", 0));
  expect(addDelivered(list, sms("1", 0))).toBe(list);
});

test.each([
  ["123456 is your Nod Demo Bank code", "123456"],
  ["Your code: 12345678.", "12345678"],
  ["Call +14155550123 if this wasn't you", null],
  ["No digits here", null],
])("the code in “%s”", (text, code) => expect(codeIn(text)).toBe(code));

test("each answer has its own words", () => {
  expect(answered("approve", true, null)).toMatchObject({ title: "Approved", tone: "good" });
  expect(answered("deny", true, null).title).toBe("Denied");
  expect(answered("report", true, null).title).toBe("Thank you for telling us");
});

test("an approval with the wrong number says so and what it means", () => {
  const outcome = answered("approve", false, "wrong_number");
  expect(outcome).toMatchObject({ title: "That number did not match", tone: "problem" });
  expect(outcome.text).toContain("nobody was signed in");
});

test.each([
  ["approved", "Already answered"],
  ["code_used", "Already answered"],
  ["denied", "Already refused"],
  ["superseded", "There is a newer request"],
  ["canceled", "Canceled on the page"],
  ["expired", "This request has ended"],
  ["gone", "This request has ended"],
])("a request that went away by %s", (reason, title) => expect(closed(reason).title).toBe(title));

test.each([
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/130.0 Safari/537.36", "Chrome on Mac"],
  ["Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Firefox/131.0", "Firefox on Linux"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iPhone"],
  ["curl/8.5.0", "curl"],
  ["", null],
])("%s reads as %s", (userAgent, words) => expect(browserWords(userAgent)).toBe(words));
