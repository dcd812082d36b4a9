import { en } from "./en";
import type { Language } from "./languages";
import type { Texts } from "./say";

// Each language is a file of its own, fetched when somebody reads it. English is always there.
const files: Record<Language, () => Promise<Texts>> = {
  en: async () => en,
  de: async () => (await import("./de")).de,
  es: async () => (await import("./es")).es,
  fr: async () => (await import("./fr")).fr,
  "pt-BR": async () => (await import("./pt-BR")).ptBR,
  "pt-PT": async () => (await import("./pt-PT")).ptPT,
  hi: async () => (await import("./hi")).hi,
  ar: async () => (await import("./ar")).ar,
  "zh-Hans": async () => (await import("./zh-Hans")).zhHans,
  "zh-Hant": async () => (await import("./zh-Hant")).zhHant,
};

/** The texts of a language; rejects when its file cannot be fetched. */
export function loadTexts(language: Language): Promise<Texts> {
  return files[language]();
}
