import { expect, test } from "vitest";
import {
  type Counted,
  isCounted,
  lostNow,
  type Pulse,
  type Queue,
  queueNow,
  startedNow,
  successNow,
} from "./pulse";

const pulse = (
  hour: Partial<Counted["hour"]> = {},
  usual: Partial<Counted["usual"]> = {},
): Counted => ({
  server_time: "2026-05-04T10:20:00.000Z",
  enabled: true,
  hour: {
    started: 100,
    approved: 90,
    denied: 0,
    failed: 0,
    expired: 0,
    resends: 0,
    ...hour,
  },
  usual: { days: 14, success: 0.92, started: 300, ...usual },
  sends: [],
});

test("without analytics, and before the first answer, nothing is counted", () => {
  const off: Pulse = { server_time: "2026-05-04T10:20:00.000Z", enabled: false };
  expect([isCounted(null), isCounted(off), isCounted(pulse())]).toEqual([false, false, true]);
});

test("success stands beside the same hour of other days", () => {
  const note = (approved: number, usual: number | null, started = 100) =>
    successNow(pulse({ approved, started }, { success: usual }), 0);
  expect(note(90, 0.92)).toEqual({
    value: "90 %",
    note: "2 points below the usual 92 %",
    bad: false,
    good: true,
  });
  expect(note(93, 0.92).note).toBe("1 point above the usual 92 %");
  expect(note(92, 0.92).note).toBe("as usual at this hour (14 days)");
  expect(note(92, null).note).toBe("no other day to compare with yet");
  expect(note(0, 0.92, 0)).toEqual({ value: "–", note: "usually 92 %" });
  expect(note(0, null, 0).note).toBe("nobody has asked yet");
});

test("a fall is called bad once enough people stand behind it", () => {
  const bad = (approved: number) => successNow(pulse({ approved }), 0).bad;
  expect([bad(87), bad(88)]).toEqual([true, false]);
  const few = successNow(pulse({ approved: 20, started: 29 }), 0);
  expect(few).toEqual({ value: "69 %", note: "of 29; usually 92 %" });
});

test("who has only just begun is no fall yet", () => {
  const rush = (begun: number) => successNow(pulse({ approved: 74, started: 100 }), begun);
  expect(rush(20)).toMatchObject({ value: "93 %", bad: false });
  expect(rush(10)).toMatchObject({ value: "82 %", bad: true });
  // The list is quicker than the counter.
  expect(rush(30).value).toBe("100 %");
  expect(rush(200)).toEqual({ value: "–", note: "usually 92 %" });
});

test("what was started and lost in words", () => {
  expect(startedNow(pulse()).note).toBe("usually 300 by its end");
  expect(startedNow(pulse({}, { started: null })).note).toBe("since the full hour");
  expect(lostNow(pulse({ denied: 1, expired: 1200 }))).toEqual({
    value: "1,201",
    note: "1 refused, 1,200 ran out",
  });
  expect(lostNow(pulse()).note).toBe("none refused, failed or ran out");
});

test("the queue says how old it is, and when that is late", () => {
  const queue = (more: Partial<Queue>) =>
    queueNow({ due: 0, oldest_seconds: 0, webhooks: 0, webhooks_oldest_seconds: 0, ...more });
  expect(queueNow(undefined).value).toBeNull();
  expect(queue({})).toEqual({ value: "0", note: "nothing waits", bad: false });
  expect(queue({ due: 3, oldest_seconds: 0.4, webhooks: 1, webhooks_oldest_seconds: 2 }).note).toBe(
    "oldest 400 ms, 1 webhook 2 s",
  );
  expect(queue({ due: 3, oldest_seconds: 42 })).toEqual({
    value: "3",
    note: "late: the oldest 42 s",
    bad: true,
  });
});
