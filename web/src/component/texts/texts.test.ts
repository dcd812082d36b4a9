import { expect, test } from "vitest";
import { en } from "./en";
import { type Language, languageOf, languages } from "./languages";
import { loadTexts } from "./load";
import { makeSay, type Plural, slot, type Text, type Texts } from "./say";

const slotsOf = (text: string) => [...text.matchAll(slot)].map(([, name]) => name).sort();
const same = (a: Text, b: Text) => JSON.stringify(a) === JSON.stringify(b);

test.each([
  [["de-AT", "en"], "de"],
  [["xx", "fr-CA"], "fr"],
  [["zh"], "zh-Hans"],
  [["zh-TW"], "zh-Hant"],
  [["zh-Hant-HK"], "zh-Hant"],
  [["zh-SG"], "zh-Hans"],
  [["pt"], "pt-BR"],
  [["pt-AO"], "pt-PT"],
  [["ar-EG"], "ar"],
  [["hi-Latn", "en"], "hi"],
  [["not a tag", "es-419"], "es"],
  [["sv"], "en"],
  [[], "en"],
] as const)("%j is read in %s", (tags, language) => {
  expect(languageOf(tags)).toBe(language);
});

test.each(languages)("%s has English's keys, kinds and placeholders", async (language) => {
  const texts = await loadTexts(language);
  expect(Object.keys(texts).sort()).toEqual(Object.keys(en).sort());
  for (const [key, text] of Object.entries(texts) as [keyof Texts, Text][]) {
    const english: Text = en[key];
    if (typeof text === "string" || typeof english === "string") {
      expect(typeof text, key).toBe(typeof english);
      expect(slotsOf(String(text)), key).toEqual(slotsOf(String(english)));
      expect(String(text).trim(), key).not.toBe("");
      continue;
    }
    const wanted = slotsOf(english.other);
    expect(slotsOf(text.other), key).toEqual(wanted);
    for (const form of Object.values(text)) {
      // "One try left" need not say the count again; every other value stands in every form.
      expect([...new Set([...slotsOf(form), "count"])].sort(), key).toEqual(
        [...new Set([...wanted, "count"])].sort(),
      );
    }
    if (language === "en" || !same(text, english)) expectForms(language, text, key);
  }
});

// Exactly the forms that the language knows; those for millions alone may be missing.
function expectForms(language: Language, text: Plural, key: string): void {
  const rules = new Intl.PluralRules(language);
  const used = new Set(Array.from({ length: 200 }, (_, n) => rules.select(n)));
  for (const category of used) expect(Object.keys(text), `${key}: ${category}`).toContain(category);
  const known: string[] = rules.resolvedOptions().pluralCategories;
  for (const category of Object.keys(text))
    expect(known, `${key}: ${category}`).toContain(category);
}

test("a text is filled in, its numbers in Latin digits as the language groups them", () => {
  const say = makeSay("en", en);
  expect(say("resend.in", { time: "0:42" })).toBe("Resend in 0:42");
  expect(say("resend.again", { used: 1, most: 3 })).toBe("Resend Code (1/3)");
  expect(say.number(1234)).toBe("1,234");
  expect(makeSay("de", en).number(1234)).toBe("1.234");
  expect(makeSay("ar", en).number(12)).toBe("12");
  expect(makeSay("hi", en).time("2026-05-04T10:00:00Z")).toMatch(/^[\d: apm]+$/);
});

test.each([
  ["en", "Time ran out. Start again. Now?"],
  ["hi", "Time ran out। Start again. Now?"],
  ["zh-Hans", "Time ran out。Start again.Now?"],
] as const)("sentences in %s each have an end", (language, text) => {
  const say = makeSay(language, en);
  expect(say.sentences("Time ran out", null, "Start again.", "", "Now?")).toBe(text);
  expect(say.sentences(undefined)).toBe("");
});

test("a missing or unknown value is refused before anything runs", () => {
  const say = makeSay("en", en);
  // @ts-expect-error: the time is missing
  expect(say("resend.in")).toContain("undefined");
  // @ts-expect-error: a plural wants its count
  say("code.tries_left", {});
  // @ts-expect-error: a count is a number
  say("code.tries_left", { count: "2" });
  // @ts-expect-error: no such text
  expect(() => say("resend.nothing")).toThrow();
});

test("Arabic picks among its six forms", () => {
  const forms = { zero: "0", one: "1", two: "2", few: "few", many: "many", other: "other" };
  const say = makeSay("ar", { ...en, "code.tries_left": forms });
  const picked = [0, 1, 2, 3, 10, 11, 99, 100, 103].map((count) =>
    say("code.tries_left", { count }),
  );
  expect(picked).toEqual(["0", "1", "2", "few", "few", "many", "many", "other", "few"]);
});

test("a form that a language leaves out is its other one", () => {
  const say = makeSay("ar", en);
  expect(say("code.tries_left", { count: 2 })).toBe("2 tries left");
});

test("a value keeps its own direction in a text from right to left", () => {
  const say = makeSay("ar", { ...en, "resend.in": "إعادة الإرسال خلال {time}" });
  expect(say.dir).toBe("rtl");
  expect(say("resend.in", { time: "0:42" })).toBe("إعادة الإرسال خلال \u20680:42\u2069");
});

test("pieces alternate words and the names of slots", () => {
  expect(makeSay("en", en).pieces("resend.again")).toEqual([
    "Resend Code (",
    "used",
    "/",
    "most",
    ")",
  ]);
});
