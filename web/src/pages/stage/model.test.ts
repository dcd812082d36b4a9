import { expect, test } from "vitest";
import type { Message } from "../bridge";
import { curlCommand, empty, onlyHere, stageReducer } from "./model";

const run = (...messages: (Message | { nod: "add_phone" })[]) =>
  messages.reduce(stageReducer, empty);
const event = (verification_id: string, seq: number): Message => ({
  nod: "event",
  verification_id,
  event: { seq, name: "verification.created", at: "2026-05-04T10:00:00.000Z" },
});

test("the timeline follows one verification and starts over with the next", () => {
  const first = run({ nod: "began", verification_id: "a" }, event("a", 1), event("a", 1));
  expect(first.events).toHaveLength(1);
  const second = [{ nod: "began", verification_id: "b" } as Message, event("a", 2), event("b", 1)];
  expect(second.reduce(stageReducer, first).events.map((e) => e.seq)).toEqual([1]);
});

test("a reload of the login page does not lose the timeline", () => {
  const stage = run(
    { nod: "began", verification_id: "a" },
    event("a", 1),
    { nod: "began", verification_id: "a" },
    event("a", 1),
    event("a", 2),
  );
  expect(stage.events.map((e) => e.seq)).toEqual([1, 2]);
});

test("each phone tells its own switches", () => {
  const switches = { online: false, push: true, signal: true };
  const stage = run(
    { nod: "add_phone" },
    { nod: "phone", slot: "2", switches, notified: true, ready: true, waiting: false },
  );
  expect(stage.phones.map((p) => [p.slot, p.switches.online, p.ready])).toEqual([
    ["1", true, false],
    ["2", false, true],
  ]);
});

test("the command is one that a shell can read", () => {
  const command = curlCommand("http://127.0.0.1:8080", "demo_1", "+14155550123");
  expect(command).toContain("http://127.0.0.1:8080/api/v1/verifications");
  const body = /-d '(.*)'$/.exec(command)?.[1] ?? "";
  expect(JSON.parse(body)).toMatchObject({ user_id: "demo_1", phone_number: "+14155550123" });
});

test.each([
  ["127.0.0.1", true],
  ["localhost", true],
  ["192.168.1.4", false],
  ["nod.example.com", false],
])("%s is only here: %s", (host, only) => expect(onlyHere(host)).toBe(only));
