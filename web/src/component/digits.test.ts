import { expect, test } from "vitest";
import { onlyDigits, spokenDigits } from "./digits";

test.each([
  ["123 456", "123456"],
  ["G-123456", "123456"],
  ["1234567", "123456"],
  ["abc", ""],
])("%s is read as %s", (raw, digits) => expect(onlyDigits(raw, 6)).toBe(digits));

test("a number is spoken digit by digit", () => expect(spokenDigits("042")).toBe("0 4 2"));
