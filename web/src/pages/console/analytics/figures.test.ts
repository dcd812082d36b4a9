import { expect, test } from "vitest";
import { funnelOf } from "./funnel";
import { hourWords, wholeDay } from "./hours";
import { periodOf } from "./period";
import type { Overview } from "./reports";

const overview = (asked: number, ended: Partial<Overview["ended"]>): Overview => ({
  days: 30,
  from: "",
  to: "",
  totals: {
    send_code: asked,
    verify_success: 0,
    verify_failed: 0,
    resend_request: 0,
    change_phone: 0,
  },
  ended: {
    approved: 0,
    denied: 0,
    failed: 0,
    expired: 0,
    canceled: 0,
    superseded: 0,
    blocked: 0,
    ...ended,
  },
  success_rate: 0,
  time_to_complete: { n: 0, avg_seconds: 0, p50_seconds: 0, p90_seconds: 0 },
  without_sms: { logins: 0, share: 0, saved: null },
  hidden: false,
});

test("the funnel goes from started to approved, and says where the others went", () => {
  const { steps, exits } = funnelOf(
    overview(100, { approved: 80, denied: 2, expired: 10, failed: 5 }),
  );
  expect(steps.map(({ name, n, share }) => [name, n, share])).toEqual([
    ["Started", 100, 1],
    ["Answered", 82, 0.82],
    ["Approved", 80, 0.8],
  ]);
  expect(exits.map(({ name, n }) => [name, n])).toEqual([
    ["Time ran out", 10],
    ["Failed", 5],
    ["Still open", 3],
    ["Refused", 2],
  ]);
});

test("what began before the period and ended in it is no more than all", () => {
  const { steps, exits } = funnelOf(overview(10, { approved: 12 }));
  expect(steps.map(({ share }) => share)).toEqual([1, 1, 1]);
  expect(exits).toEqual([]);
});

const hour = (of: number, started: number, success_rate: number) => ({
  hour: of,
  started,
  successes: Math.round(started * success_rate),
  success_rate,
});

test("a day has 24 hours, also those of which nothing is told", () => {
  const day = wholeDay([hour(9, 10, 0.9)]);
  expect(day).toHaveLength(24);
  expect([day[8]?.started, day[9]?.started]).toEqual([0, 10]);
});

test("the hours in a sentence", () => {
  expect(hourWords([])).toBe("");
  expect(hourWords([hour(9, 1200, 0.9)])).toBe("Most at 09:00: 1,200.");
  // At three o'clock too few came to speak of.
  expect(hourWords([hour(3, 1, 0), hour(9, 100, 0.95), hour(19, 200, 0.7)])).toBe(
    "Most at 19:00: 200. Best at 09:00 (95 %), worst at 19:00 (70 %).",
  );
});

test("the address names the period", () => {
  expect(["", "#days=7", "#days=8", "#x=1&days=90"].map(periodOf)).toEqual(["30", "7", "30", "90"]);
});
