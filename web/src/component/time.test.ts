import { expect, test } from "vitest";
import { english, makeSay } from "./texts";
import { en } from "./texts/en";
import { ago, clock, delay, inWords, spokenCountdown, untilNextSecond } from "./time";

test("a countdown turns when its second does", () => {
  expect(untilNextSecond(10_000, 8_600)).toBe(400);
  expect(untilNextSecond(10_000, 9_000)).toBe(1000);
});

test("a clock is short below a minute and has two digits above", () => {
  expect([0, 59, 60, 125, 3600].map((s) => clock(english, s))).toEqual([
    "0 s",
    "59 s",
    "1:00",
    "2:05",
    "1:00:00",
  ]);
});

test("a rest in words knows one and many", () => {
  expect([1, 89, 90, 120, 3600, 7200].map((s) => inWords(english, s))).toEqual([
    "1 second",
    "89 seconds",
    "2 minutes",
    "2 minutes",
    "60 minutes",
    "2 hours",
  ]);
});

test("a rest in words is in the reader's language, in digits that all read", () => {
  expect(inWords(makeSay("de", en), 45)).toBe("45 Sekunden");
  expect(inWords(makeSay("ar", en), 600)).toMatch(/^10 /);
});

test("a countdown is read aloud at 30, 10 and 5 only", () => {
  const spoken = Array.from({ length: 121 }, (_, s) => s).filter((s) =>
    spokenCountdown(english, s),
  );
  expect(spoken).toEqual([5, 10, 30]);
});

test("what was lately is told by its distance", () => {
  const now = Date.parse("2026-05-04T10:00:00Z");
  expect(ago(now - 3_000, now)).toBe("just now");
  expect(ago(now - 59_000, now)).toBe("just now");
  expect(ago(now - 180_000, now)).toBe("3 min ago");
  expect(ago(now - 7_200_000, now)).toBe("2 h ago");
  expect(ago("2026-05-01T10:00:00Z", now)).toBe("1 May");
});

test("a delay is always in milliseconds", () => {
  expect(delay("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:00.038Z")).toBe("+38 ms");
  expect(delay("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:05.004Z")).toBe("+5,004 ms");
  expect(delay("2026-05-04T10:00:01.000Z", "2026-05-04T10:00:00.000Z")).toBe("+0 ms");
});
