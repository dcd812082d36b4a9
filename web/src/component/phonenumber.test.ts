import { expect, test } from "vitest";
import { caretAfter, countryOf, loadPhones, meant, namesOf, significant } from "./phonenumber";

const phones = await loadPhones();

test.each([
  ["4155550123", "US", "(415) 555-0123", "US"],
  ["+4915123456789", "US", "+49 1512 3456789", "DE"],
  ["٠٤١٥", "US", "0415", "US"],
  ["+٤٩ ١٥١", "US", "+49 151", "DE"],
  ["०९८७६५", "IN", "098765", "IN"],
  ["", "US", "", "US"],
] as const)("%s in %s is written %s (%s)", (typed, country, text, found) => {
  expect(phones.write(typed, country)).toEqual({ text, country: found });
});

test.each([
  ["(415) 555-0123", "US", { number: "+14155550123", country: "US" }],
  ["+49 151 23456789", "US", { number: "+4915123456789", country: "DE" }],
  ["0151 23456789", "DE", { number: "+4915123456789", country: "DE" }],
  ["०९८७६५ ४३२१०", "IN", { number: "+919876543210", country: "IN" }],
  ["", "US", { wrong: "empty" }],
  ["+", "US", { wrong: "empty" }],
  ["415 555", "US", { wrong: "too_short" }],
  ["415 555 0123 456", "US", { wrong: "too_long" }],
  ["+999 123456", "US", { wrong: "invalid" }],
] as const)("%s in %s is read as %j", (typed, country, reading) => {
  expect(phones.read(typed, country)).toEqual(reading);
});

test("another country keeps the digits and replaces the code", () => {
  expect(phones.move("+1 415 555 0123", "US", "DE")).toBe(phones.write("4155550123", "DE").text);
  expect(phones.move("0151 234", "DE", "FR")).toBe(phones.write("0151234", "FR").text);
});

test("a number is shown as people write it abroad", () => {
  expect(phones.show("+4915123456789")).toBe("+49 1512 3456789");
  expect(phones.show("nothing")).toBe("nothing");
});

test("a caret stays after the digit it stood after", () => {
  expect(caretAfter("(415) 555", 3)).toBe(4);
  expect(caretAfter("(415) 555", 4)).toBe(7);
  expect(caretAfter("+49 151", 3)).toBe(3);
  expect(caretAfter("12", 9)).toBe(2);
});

test("an edit that takes away only a bracket takes the digit beside it", () => {
  // Backspace after the bracket of "(415) 5".
  expect(meant("(415) 5", "(415 5", 4, false)).toEqual({
    typed: "415",
    before: 2,
  });
  // Delete before it.
  expect(meant("(415) 5", "(415 5", 4, true)).toEqual({ typed: "415", before: 3 });
  expect(meant("(415) 5", "(45) 5", 2, false)).toEqual({ typed: "455", before: 1 });
  expect(meant("(415)", "(415)7", 6, false)).toEqual({ typed: "4157", before: 4 });
});

test.each([
  [["de-AT", "en-US"], "AT"],
  [["en", "fr-CA"], "CA"],
  [["hi"], "IN"],
  [["not a tag"], "US"],
  [[], "US"],
] as const)("with %j a person is probably in %s", (languages, country) => {
  expect(countryOf(languages, phones.countries)).toBe(country);
});

test("countries are named and sorted in the person's language", () => {
  const names = namesOf(["US", "DE", "AT"], "de").map(({ name }) => name);
  expect(names).toEqual(["Deutschland", "Österreich", "Vereinigte Staaten"]);
  expect(namesOf(["DE"], "ar")).toEqual([{ country: "DE", name: "ألمانيا" }]);
});

test("what counts in a typed number", () => {
  expect(significant(" ＋49 (0)151-23")).toBe("+49015123");
  expect(significant("G-123")).toBe("123");
});
