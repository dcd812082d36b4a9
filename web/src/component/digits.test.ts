import { expect, test } from "vitest";
import { afterKey, onlyDigits, spokenDigits } from "./digits";

test.each([
  ["123 456", "123456"],
  ["G-123456", "123456"],
  ["1234567", "123456"],
  ["abc", ""],
])("%s is read as %s", (raw, digits) => expect(onlyDigits(raw, 6)).toBe(digits));

test.each([
  ["0", "4", "04"],
  ["042", "1", "042"],
  ["042", "Backspace", "04"],
  ["04", "Enter", "04"],
  ["04", "F1", "04"],
])("%j and the key %s are %j", (digits, key, after) =>
  expect(afterKey(digits, key, 3)).toBe(after),
);

test("a number is spoken digit by digit", () => expect(spokenDigits("042")).toBe("0 4 2"));
