import { expect, test } from "vitest";
import type { Prompt } from "../../sdk";
import { locked, type SheetChange, sheetReducer } from "./sheet";

const prompt = { verificationId: "ver_1" } as Prompt;
const outcome = { title: "Approved", text: "", tone: "good" } as const;
const run = (...changes: SheetChange[]) => changes.reduce(sheetReducer, locked);
const ended = (id: string): SheetChange => ({
  did: "close",
  event: { verification_id: id, reason: "canceled" },
});

test("a request that ends while it is open leaves its reason", () => {
  const sheet = run({ did: "present", prompt }, ended("ver_1"));
  expect(sheet.open).toBeNull();
  expect(sheet.outcome?.title).toBe("Canceled on the page");
});

test("another request that ends is only never shown again", () => {
  const sheet = run({ did: "present", prompt }, ended("ver_2"));
  expect(sheet.open).toBe(prompt);
  expect([...sheet.seen]).toEqual(["ver_2"]);
});

test("while an answer is on its way, only its own result is said", () => {
  const waiting = run({ did: "present", prompt }, { did: "answer" }, ended("ver_1"));
  expect(waiting).toMatchObject({ open: prompt, outcome: null });
  const told = sheetReducer(waiting, { did: "learn", id: "ver_1", outcome });
  expect(told).toMatchObject({ open: null, outcome, answering: false });
});

test("an answer that failed can be given again", () => {
  const sheet = run({ did: "present", prompt }, { did: "answer" }, { did: "fail" });
  expect(sheet).toMatchObject({ open: prompt, answering: false });
});

test("a notification that leads nowhere is gone with its word", () => {
  const sheet = run({ did: "find_nothing", id: "ver_3", outcome });
  expect([sheet.outcome, [...sheet.seen]]).toEqual([outcome, ["ver_3"]]);
});

test("something new clears an old outcome, never an open request", () => {
  const after = run({ did: "find_nothing", outcome }, { did: "arrive" });
  expect(after.outcome).toBeNull();
  expect(run({ did: "present", prompt }, { did: "arrive" }).open).toBe(prompt);
});

test("locking puts everything away and forgets nothing that was seen", () => {
  const sheet = run({ did: "present", prompt }, ended("ver_1"), { did: "lock" });
  expect(sheet).toMatchObject({ open: null, outcome: null });
  expect(sheet.seen.has("ver_1")).toBe(true);
});
