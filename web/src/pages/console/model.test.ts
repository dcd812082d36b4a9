import { expect, test } from "vitest";
import {
  addLine,
  duration,
  justBegun,
  type Line,
  nothing,
  shortId,
  summary,
  verificationId,
} from "./model";
import { percent } from "./numbers";

const start = Date.UTC(2026, 4, 4);
const line = (id: string, name: string, ms: number, more: Partial<Line> = {}): Line => ({
  verification_id: id,
  seq: 1,
  name,
  at: new Date(start + ms).toISOString(),
  status: "pending",
  ...more,
});
const see = (...lines: Line[]) => lines.reduce(addLine, nothing).rows;

test("a verification is one row that moves to the top when something happens", () => {
  const rows = see(
    line("a", "verification.created", 0, { phone_number: "+1 ••• 0123" }),
    line("b", "verification.created", 1),
    line("a", "verification.approved", 2, { status: "approved", method: "app" }),
  );
  expect(rows.map((row) => [row.id, row.status, row.words])).toEqual([
    ["a", "approved", "Approved on the phone"],
    ["b", "pending", "Sign-in asked for"],
  ]);
  expect(rows[0]?.phone).toBe("+1 ••• 0123");
});

test("events of devices make no row", () => {
  expect(see(line("", "device.registered", 0))).toEqual([]);
});

test("nothing seen is nothing counted", () => {
  expect(summary([])).toEqual({
    open: 0,
    lost: 0,
    success: null,
    medianMs: null,
    withoutSms: null,
  });
  expect([percent(null), duration(null)]).toEqual(["–", "–"]);
});

test("figures count what ended, how fast, and how often without an SMS", () => {
  const approved = { status: "approved" } as const;
  const rows = see(
    line("a", "verification.created", 0),
    line("a", "verification.approved", 800, approved),
    line("b", "verification.created", 0),
    line("b", "delivery.accepted", 500, { channel: "sms" }),
    line("b", "verification.approved", 20_800, approved),
    line("c", "verification.denied", 10, { status: "denied" }),
    line("d", "verification.created", 10),
  );
  const { open, success, medianMs, withoutSms } = summary(rows);
  expect([open, percent(success), duration(medianMs), percent(withoutSms)]).toEqual([
    1,
    "67 %",
    "10.8 s",
    "50 %",
  ]);
});

test("just begun is what is open since less than a minute, in this hour", () => {
  const rows = see(
    line("a", "verification.created", -1000),
    line("b", "verification.created", 0),
    line("c", "verification.created", 30_000),
    line("d", "verification.denied", 30_000, { status: "denied" }),
  );
  const at = (ms: number) => justBegun(rows, start + ms);
  expect([at(40_000), at(60_000), at(60_001), at(90_001)]).toEqual([2, 2, 1, 0]);
});

test("an id is found in what was pasted and nothing else is one", () => {
  const id = `ver_${"0123456789abcdef".repeat(2)}`;
  expect(verificationId(`  ${id.toUpperCase()} `)).toBe(id);
  expect(verificationId(`/api/v1/verifications/${id}/timeline`)).toBe(id);
  expect(verificationId("ver_123")).toBeNull();
  expect(shortId(id)).toBe("ver_0123…abcdef");
});
