import { expect, test } from "vitest";
import type { Counted } from "../pulse";
import { addSample, minutesOf, type Sample, seriesOf, seriesWords } from "./series";

const ten = Date.UTC(2026, 4, 4, 10);

/** A pulse so many seconds after ten o'clock, with what was counted since the full hour. */
const pulse = (second: number, approved: number, more: Partial<Counted> = {}): Counted => ({
  server_time: new Date(ten + second * 1000).toISOString(),
  enabled: true,
  hour: {
    started: approved,
    approved,
    denied: 1,
    failed: 2,
    expired: 3,
    resends: 0,
  },
  usual: { days: 0, success: null, started: null },
  sends: [
    { channel: "push", accepted: approved * 2, delivered: 0, failed: 0, approved: 0 },
    { channel: "sms", accepted: 1, delivered: 0, failed: 0, approved: 0 },
  ],
  ...more,
});
const seen = (...pulses: Counted[]) => pulses.reduce(addSample, [] as readonly Sample[]);
const successes = (...pulses: Counted[]) => seriesOf(seen(...pulses)).successes;

test("the first pulse is where counting begins, whatever the hour has brought", () => {
  expect(seriesOf(seen(pulse(0, 500)))).toEqual({
    at: [],
    sends: [],
    successes: [],
    failures: [],
  });
});

test("lines are differences of counters, a second", () => {
  expect(seriesOf(seen(pulse(0, 500), pulse(2, 506)))).toEqual({
    at: [ten / 1000 + 2],
    sends: [6],
    successes: [3],
    failures: [0],
  });
});

test("a point is the mean of five seconds", () => {
  const pulses = [0, 10, 10, 10, 10, 10, 10].map((n, second) => pulse(second, n));
  expect(successes(...pulses)).toEqual([10, 5, 10 / 3, 2.5, 2, 0]);
});

test("at the full hour the counters begin again", () => {
  expect(successes(pulse(-2, 900), pulse(-1, 901), pulse(1, 3))).toEqual([1, 4 / 3]);
});

test("a counter that was put right takes nothing back", () => {
  expect(successes(pulse(0, 10), pulse(1, 9))).toEqual([0]);
});

test("what is told twice, late or stale is no news", () => {
  const first = pulse(1, 10);
  expect(seen(first, first, pulse(0, 9), pulse(2, 10, { stale: true }))).toHaveLength(1);
});

test("a silence is a gap, not a slope", () => {
  expect(successes(pulse(0, 0), pulse(1, 1), pulse(30, 900), pulse(31, 901))).toEqual([1, null, 1]);
});

test("five minutes are kept", () => {
  const pulses = Array.from({ length: 400 }, (_, second) => pulse(second, second));
  expect(seen(...pulses)).toHaveLength(306);
  expect(minutesOf(seen(...pulses)).map(({ successes }) => successes)).toEqual([
    40, 60, 60, 60, 60,
  ]);
});

test("the chart in words", () => {
  expect(seriesWords(seen(pulse(0, 0)))).toBe("Nothing was counted yet.");
  expect(seriesWords(seen(pulse(0, 0), pulse(30, 7)))).toBe(
    "In the last 30 seconds: 14 sent, 7 approved, 0 not approved.",
  );
  expect(seriesWords(seen(pulse(0, 0), pulse(120, 7)))).toContain("In the last 2 minutes");
});
