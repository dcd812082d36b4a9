import { describe, expect, test } from "vitest";
import { backoff } from "./backoff.ts";

describe("backoff", () => {
  test("doubles its ceiling from half a second to thirty seconds", () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => backoff(attempt, 0.999999));
    const seconds = ceilings.map((ms) => Math.ceil(ms / 100) / 10);
    expect(seconds).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
  });

  test("may wait for anything between nothing and the ceiling", () => {
    expect(backoff(3, 0)).toBe(0);
    expect(backoff(3, 0.25)).toBe(1000);
  });
});
