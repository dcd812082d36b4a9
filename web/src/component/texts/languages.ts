/** The languages that nod speaks, as BCP 47 tags: those of its SMS. */
export const languages = [
  "en",
  "de",
  "es",
  "fr",
  "pt-BR",
  "pt-PT",
  "hi",
  "ar",
  "zh-Hans",
  "zh-Hant",
] as const;

/** One of the languages that nod speaks. */
export type Language = (typeof languages)[number];

/**
 * The language for a person who asked for these tags, best first, as in `navigator.languages`: the
 * first tag that nod speaks in any way; English when there is none. What a tag leaves out follows
 * the likely subtags of Unicode (`zh-TW` is written in the traditional script, `pt` is Brazil's).
 */
export function languageOf(tags: readonly string[]): Language {
  for (const tag of tags) {
    const spoken = nearest(tag);
    if (spoken) return spoken;
  }
  return "en";
}

/** Which way a language is written. */
export function directionOf(language: Language): "ltr" | "rtl" {
  return language === "ar" ? "rtl" : "ltr";
}

function nearest(tag: string): Language | undefined {
  let likely: Intl.Locale;
  try {
    likely = new Intl.Locale(tag).maximize();
  } catch {
    return undefined; // not a tag at all
  }
  const { language, script, region } = likely;
  if (language === "zh") return script === "Hant" ? "zh-Hant" : "zh-Hans";
  // Everywhere outside Brazil people write as in Portugal (CLDR's parent locales).
  if (language === "pt") return region === "BR" ? "pt-BR" : "pt-PT";
  return languages.find((known) => known === language);
}
