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
});
