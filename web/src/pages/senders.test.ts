import { describe, expect, test } from "vitest";
import { english } from "../component/texts";
import { anyOf, awayWords, pushAway, type Senders, whereabouts } from "./senders";

const real: Senders = {
  push: ["fcm"],
  sms: ["twilio", "vonage", "sns"],
  voice: ["twilio"],
  email: ["smtp"],
};
const track = (channel: string, state = "accepted") => ({
  id: channel,
  channel,
  device: "",
  state,
  class: "none",
});

test("providers are called as people call them", () => {
  expect(anyOf(["twilio"])).toBe("Twilio");
  expect(anyOf(real.sms)).toBe("Twilio, Vonage, or Amazon SNS");
  expect(anyOf(["mine"])).toBe("mine");
  expect([anyOf(undefined), anyOf([])]).toEqual([null, null]);
});

test("with Web Push a notification reaches this very browser", () => {
  expect(pushAway(real)).toBe("FCM");
  expect(pushAway({ push: ["fcm", "webpush"] })).toBeNull();
  expect(pushAway({})).toBeNull();
});

test("what the phone does not get is said, and only that", () => {
  const page = "With make run-providers, you can read them on the providers' page.";
  expect(awayWords({ push: ["fcm"], sms: ["twilio"] })).toBe(
    `Notifications go to FCM. SMS go to Twilio. ${page}`,
  );
  expect(awayWords({ sms: ["sns"] })).toBe(`SMS go to Amazon SNS. ${page}`);
  expect(awayWords({})).toBeNull();
});

describe("where the newest message went", () => {
  const page = "With make run-providers, you can read it on the providers' page.";
  test.each([
    ["push", `The notification went to FCM. ${page}`],
    ["sms", `The SMS went to Twilio, Vonage, or Amazon SNS. ${page}`],
    ["voice", `The call went to Twilio. ${page}`],
    ["email", `The e-mail went out by SMTP. ${page}`],
    ["websocket", null],
  ])("by %s", (channel, words) => {
    expect(whereabouts(english, [track(channel)], real)).toBe(words);
    expect(whereabouts(english, [track(channel)], {})).toBeNull();
  });

  test("is said of one that was taken only, and of the last", () => {
    expect(whereabouts(english, [track("sms", "unknown")], real)).toBeNull();
    expect(whereabouts(english, [track("push"), track("sms", "sending")], real)).toMatch(
      /notification/,
    );
    expect(whereabouts(english, [track("push"), track("sms", "delivered")], real)).toMatch(/SMS/);
    expect(whereabouts(english, [track("push"), track("sms")], { push: ["fcm"] })).toBeNull();
  });
});
