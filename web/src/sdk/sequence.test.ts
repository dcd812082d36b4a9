import { describe, expect, test } from "vitest";
import { Sequence } from "./sequence.ts";

const feed = (sequence: Sequence<string>, ...numbers: number[]) =>
  numbers.flatMap((seq) => sequence.offer(seq, `e${seq}`).map(([, item]) => item));

describe("a sequence", () => {
  test("lets each number out once, in order, whatever the order of arrival", () => {
    const sequence = new Sequence<string>(0);
    expect(feed(sequence, 1, 3, 3, 2, 1, 4)).toEqual(["e1", "e2", "e3", "e4"]);
    expect(sequence.last).toBe(4);
  });

  test("waits for a missing one", () => {
    const sequence = new Sequence<string>(4);
    expect(feed(sequence, 6, 7)).toEqual([]);
    expect(sequence.hasGap).toBe(true);
    expect(feed(sequence, 5)).toEqual(["e5", "e6", "e7"]);
    expect(sequence.hasGap).toBe(false);
  });

  test("starts with the first it is given when nothing was known", () => {
    expect(feed(new Sequence<string>(), 9, 10)).toEqual(["e9", "e10"]);
  });

  test("goes on after a gap that will not close", () => {
    const sequence = new Sequence<string>(1);
    feed(sequence, 5, 6);
    expect(sequence.skipGap().map(([seq]) => seq)).toEqual([5, 6]);
  });

  test("holds no more than sixty-four", () => {
    const sequence = new Sequence<string>(0);
    const early = Array.from({ length: 65 }, (_, index) => index + 2);
    expect(feed(sequence, ...early)).toHaveLength(65);
    expect(sequence.hasGap).toBe(false);
  });

  test("starts over where it is told, and never goes back", () => {
    const sequence = new Sequence<string>(3);
    feed(sequence, 5);
    sequence.rebase(8);
    sequence.rebase(2);
    expect(sequence.last).toBe(8);
    expect(sequence.hasGap).toBe(false);
  });

  test("takes no number that is none", () => {
    const sequence = new Sequence<string>(0);
    expect(feed(sequence, 1.5, Number.POSITIVE_INFINITY, Number.NaN, 1)).toEqual(["e1"]);
    expect(sequence.hasGap).toBe(false);
  });
});

// Whatever a server or a network makes of the numbers: losses, repeats, leaps, new beginnings.
describe.each(Array.from({ length: 50 }, (_, seed) => seed + 1))("a sequence, run %i", (seed) => {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);

  test("holds at most 64, and lets each out once and in order", () => {
    const sequence = new Sequence<string>(random() < 0.5 ? null : below(50));
    let newest = sequence.last ?? Number.NEGATIVE_INFINITY;
    let at = 1 + below(100);
    for (let step = 0; step < 400; step++) {
      const act = random();
      let out: [number, string][] = [];
      if (act < 0.02) out = sequence.skipGap();
      else if (act < 0.03) sequence.rebase(at + below(200));
      else {
        at += random() < 0.05 ? below(1000) : below(4);
        const seq = random() < 0.3 ? at - below(80) : at;
        out = sequence.offer(seq, `e${seq}`);
      }
      for (const [seq, item] of out) {
        expect(seq).toBeGreaterThan(newest);
        expect(item).toBe(`e${seq}`);
        newest = seq;
      }
      newest = Math.max(newest, sequence.last ?? newest);
      expect(sequence.waiting).toBeLessThanOrEqual(64);
    }
  });
});

// Mulberry32: the same numbers in every run, so that a failure can be looked at.
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
