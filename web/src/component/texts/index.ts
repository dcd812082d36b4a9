// The words of the pages and the component, in the languages of the SMS.

export { directionOf, type Language, languageOf, languages } from "./languages";
export { loadTexts } from "./load";
export { Phrase } from "./Phrase";
export {
  isPlainKey,
  type Key,
  makeSay,
  type PlainKey,
  type Plural,
  type Say,
  type Text,
  type Texts,
} from "./say";
export { english, TextsProvider, useSay } from "./TextsProvider";
