import { describe, expect, test } from "vitest";
import { countdowns, NO_COUNTDOWNS, secondsUntil } from "./countdown.ts";
import type { StatusBody, Tick } from "./protocol.ts";

const start = Date.parse("2026-01-01T00:00:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

const status: StatusBody = {
  verification_id: "ver_1",
  purpose: "login",
  status: "pending",
  prompt_expires_at: at(120),
  next_resend_at: at(60),
  session_expires_at: at(3600),
  next_actions: { sms_in: 25, push_in: 0, voice_in: null },
  seq: 3,
  server_time: at(0),
};

describe("countdowns", () => {
  test("are counted from absolute times when no tick came, as after a sleep", () => {
    expect(countdowns(status, null, start + 50_400)).toEqual({
      prompt: 70,
      code: null,
      resend: 10,
      session: 3550,
      sms: 0,
      push: 0,
      voice: null,
      check: null,
    });
  });

  test("repeat a fresh tick as the server said it", () => {
    const tick: Tick = { verification_id: "ver_1", server_time: at(10), prompt_in: 111 };
    expect(countdowns(status, tick, start + 10_900).prompt).toBe(111);
  });

  test("forget a tick that is older than a moment", () => {
    const tick: Tick = { verification_id: "ver_1", server_time: at(10), prompt_in: 110 };
    expect(countdowns(status, tick, start + 40_000).prompt).toBe(80);
  });

  test("are never more than the server told, although the clock here is behind", () => {
    const behind = countdowns(status, null, start - 700);
    expect([behind.prompt, behind.resend, behind.session]).toEqual([120, 60, 3600]);
    expect([behind.sms, behind.push]).toEqual([25, 0]);
  });

  test("end with the verification", () => {
    expect(countdowns({ ...status, status: "approved" }, null, start)).toBe(NO_COUNTDOWNS);
  });
});

test("seconds are rounded up and never negative", () => {
  expect([1, 1000, 1001, 0, -5].map((ms) => secondsUntil(start + ms, start))).toEqual([
    1, 1, 2, 0, 0,
  ]);
});
