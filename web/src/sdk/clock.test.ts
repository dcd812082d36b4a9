import { expect, test } from "vitest";
import { ServerClock } from "./clock.ts";

const at = (ms: number) => new Date(ms).toISOString();

test("knows the server's time although the local clock is an hour off", () => {
  const local = 1_000_000;
  const clock = new ServerClock(() => local);
  clock.observe(at(local + 3_600_000));
  expect(clock.now()).toBe(local + 3_600_000);
  expect(clock.seconds()).toBe(4600);
});

test("believes the reading that was under way for the shortest time", () => {
  const clock = new ServerClock(() => 1_000_000);
  for (const late of [400, 30, 900]) clock.observe(at(1_000_000 - late));
  expect(clock.offset).toBe(-30);
});

test("forgets no good reading for a time that was told long ago", () => {
  const local = 1_000_000;
  const clock = new ServerClock(() => local);
  clock.observe(at(local - 20));
  for (let age = 1; age < 20; age++) clock.notBefore(at(local - age * 1000));
  expect(clock.offset).toBe(-20);
  clock.notBefore(at(local + 5));
  expect(clock.offset).toBe(5);
});

test("finds out within eight readings that the local clock was set forward", () => {
  let local = 1_000_000;
  const clock = new ServerClock(() => local);
  clock.observe(at(local));
  local += 60_000;
  for (let tick = 0; tick < 8; tick++) clock.observe(at(local - 60_000));
  expect(clock.offset).toBe(-60_000);
});

test("ignores what is no time", () => {
  const clock = new ServerClock(() => 5);
  clock.observe(undefined);
  clock.observe("yesterday");
  expect(clock.now()).toBe(5);
});
