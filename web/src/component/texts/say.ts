import { en } from "./en";
import type { Language } from "./languages";
import { directionOf } from "./languages";

/** A text with one form for each plural category of its language, chosen by `count`. */
export type Plural = { readonly other: string } & {
  readonly [category in Intl.LDMLPluralRule]?: string;
};

/** One text: the same always, or one that depends on a count. */
export type Text = string | Plural;

/** The name of a text. */
export type Key = keyof typeof en;

/** All texts in one language: English's keys, each of the same kind. */
export type Texts = { readonly [K in Key]: (typeof en)[K] extends string ? string : Plural };

type Names<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

/** The names that a text wants filled in; `count` chooses among the forms of a plural. */
type Slots<K extends Key> = (typeof en)[K] extends { other: infer Other }
  ? Names<Other> | "count"
  : Names<(typeof en)[K]>;

/** The name of a text that is complete as it stands. */
export type PlainKey = { [K in Key]: [Slots<K>] extends [never] ? K : never }[Key];

/** Whether there is such a text: a name that comes from a server may be newer than this page. */
export function isPlainKey(name: string): name is PlainKey {
  const text: Text | undefined = Object.hasOwn(en, name) ? en[name as Key] : undefined;
  return typeof text === "string" && !text.includes("{");
}

type Values<K extends Key> = {
  [Name in Slots<K>]: Name extends "count" ? number : string | number;
};

/** Says a text in one language; a missing value is an error of the types. */
export interface Say {
  <K extends Key>(key: K, ...values: [Slots<K>] extends [never] ? [] : [Values<K>]): string;
  readonly language: Language;
  readonly dir: "ltr" | "rtl";
  /** A number as the language groups it, in Latin digits. */
  number(n: number): string;
  /** The time of day, to the minute, in the reader's own time zone. */
  time(at: number | string): string;
  /** Sentences as one text; what has no end, as a title, gets one. What is empty is left out. */
  sentences(...parts: (string | null | undefined)[]): string;
  /** What stands between two sentences: nothing where a full stop is as wide as a letter. */
  readonly gap: " " | "";
  /** A text cut at its slots, for elements to stand there: words, then a slot's name, in turn. */
  pieces(key: Key, count?: number): string[];
}

/** The voice of one language. */
export function makeSay(language: Language, texts: Texts): Say {
  const dir = directionOf(language);
  const latin = { numberingSystem: "latn" } as const;
  const numbers = new Intl.NumberFormat(language, latin);
  const times = new Intl.DateTimeFormat(language, {
    ...latin,
    hourCycle: "h23", // short, and read the same everywhere
    hour: "2-digit",
    minute: "2-digit",
  });
  const plurals = new Intl.PluralRules(language);

  const form = (key: Key, count: number | undefined): string => {
    const text: Text = texts[key];
    if (typeof text === "string") return text;
    return text[plurals.select(count ?? 0)] ?? text.other;
  };
  const write = (value: string | number | undefined): string => {
    if (typeof value === "number") return numbers.format(value);
    // A phone number or a name keeps its own direction within a sentence of the other one.
    return dir === "rtl" ? `\u2068${value}\u2069` : String(value);
  };
  const say = (key: Key, values: Readonly<Record<string, string | number>> = {}): string =>
    form(key, values.count as number | undefined).replace(slot, (_, name: string) =>
      write(values[name]),
    );
  const [stop, gap] = ends[language] ?? [".", " "];
  const ended = (part: string) => (/[.!?…。！？।؟]$/u.test(part) ? part : `${part}${stop}`);
  return Object.assign(say as Say, {
    language,
    dir,
    gap,
    sentences: (...parts: (string | null | undefined)[]) =>
      parts
        .filter((part) => part != null && part !== "")
        .map((part) => ended(String(part)))
        .join(gap),
    number: (n: number) => numbers.format(n),
    time: (at: number | string) => times.format(new Date(at)),
    pieces: (key: Key, count?: number) => form(key, count).split(slot),
  });
}

// How a sentence ends and the next one begins, where it is not as in English.
const ends: { readonly [L in Language]?: readonly [stop: string, gap: " " | ""] } = {
  hi: ["।", " "],
  "zh-Hans": ["。", ""],
  "zh-Hant": ["。", ""],
};

/** A slot in a text; the name alone is captured, so that a split keeps it. */
export const slot = /\{(\w+)\}/g;
