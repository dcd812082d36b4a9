import type { CountryCode } from "libphonenumber-js/min";
import { latinDigits } from "./digits";

/** A country or region as two letters of ISO 3166-1. */
export type Country = CountryCode;

/** What a typed number is: ready to send, or what is wrong with it. */
export type Reading =
  | { number: string; country: Country | undefined }
  | { wrong: "empty" | "too_short" | "too_long" | "invalid" };

/** What is known of the world's phone numbers. */
export interface Phones {
  countries: readonly Country[];
  /** "+49". */
  codeOf(country: Country): string;
  /** As people of the country write what was typed so far; a text with + says its country itself. */
  write(typed: string, country: Country): { text: string; country: Country };
  /** What was typed in another country's way: the digits stay, a country's code is replaced. */
  move(typed: string, from: Country, to: Country): string;
  /** What was typed as E.164. A number that is only possible is good enough: the server decides. */
  read(typed: string, country: Country): Reading;
  /** An E.164 number as people write it abroad: "+49 1512 3456789". */
  show(number: string): string;
}

/** Fetches the numbers of the world (libphonenumber's, 36 KB compressed), so that only who types a number carries them. */
export async function loadPhones(): Promise<Phones> {
  const {
    AsYouType,
    getCountries,
    getCountryCallingCode,
    isSupportedCountry,
    parsePhoneNumberFromString,
    validatePhoneNumberLength,
  } = await import("libphonenumber-js/min");

  const write: Phones["write"] = (typed, country) => {
    const writer = new AsYouType(country);
    const text = writer.input(significant(typed));
    const found = writer.isInternational() ? writer.getCountry() : undefined;
    return { text, country: found && isSupportedCountry(found) ? found : country };
  };
  return {
    countries: getCountries(),
    codeOf: (country) => `+${getCountryCallingCode(country)}`,
    write,
    move(typed, from, to) {
      const code = `+${getCountryCallingCode(from)}`;
      const digits = significant(typed);
      const national = digits.startsWith(code)
        ? digits.slice(code.length)
        : digits.replace("+", "");
      return write(national, to).text;
    },
    read(typed, country) {
      const digits = significant(typed);
      if (!/\d/.test(digits)) return { wrong: "empty" };
      const length = validatePhoneNumberLength(digits, country);
      if (length === "TOO_SHORT") return { wrong: "too_short" };
      if (length === "TOO_LONG") return { wrong: "too_long" };
      const number = parsePhoneNumberFromString(digits, country);
      return number?.isPossible()
        ? { number: number.number, country: number.country }
        : { wrong: "invalid" };
    },
    show: (number) => parsePhoneNumberFromString(number)?.formatInternational() ?? number,
  };
}

/** The digits of a typed number, Latin ones, and a leading +. */
export function significant(typed: string): string {
  const latin = latinDigits(typed).trim();
  const digits = latin.replace(/\D/g, "");
  return /^[+＋]/.test(latin) ? `+${digits}` : digits;
}

/** What an edit of a number in its written form is meant to be, and where its caret stands. */
export interface Edit {
  typed: string;
  /** Digits (and a +) before the caret. */
  before: number;
}

/**
 * What was meant by an edit of the written form: one that took away nothing but a space or a
 * bracket, which would come back at once, takes the digit beside it.
 */
export function meant(known: string, now: string, caret: number, forward: boolean): Edit {
  const typed = significant(now);
  const before = significant(now.slice(0, caret)).length;
  if (now.length >= known.length || typed !== significant(known)) return { typed, before };
  const at = forward ? before : before - 1;
  if (at < 0) return { typed, before };
  return { typed: typed.slice(0, at) + typed.slice(at + 1), before: at };
}

/** Where the caret stands in a written form that has so many digits (and a +) before it. */
export function caretAfter(text: string, before: number): number {
  let place = 0;
  for (let seen = 0; seen < before && place < text.length; place++) {
    if (/[\d+]/.test(text[place] as string)) seen++;
  }
  return place;
}

/** The country that a person probably is in, by the languages of the browser; the first with a region decides. */
export function countryOf(languages: readonly string[], known?: readonly string[]): Country {
  const regions = [
    ...languages.map((tag) => regionOf(tag, false)),
    ...languages.map((tag) => regionOf(tag, true)),
  ];
  return (regions.find((one) => one && (known?.includes(one) ?? true)) ?? "US") as Country;
}

function regionOf(tag: string, likely: boolean): string | undefined {
  try {
    const locale = new Intl.Locale(tag);
    return (likely ? locale.maximize() : locale).region;
  } catch {
    return undefined; // not a tag at all
  }
}

/** The countries with their names in a language, in that language's order. */
export function namesOf(
  countries: readonly Country[],
  language: string,
): { country: Country; name: string }[] {
  const names = new Intl.DisplayNames(language, { type: "region", fallback: "code" });
  const order = new Intl.Collator(language);
  return countries
    .map((country) => ({ country, name: names.of(country) ?? country }))
    .sort((a, b) => order.compare(a.name, b.name));
}
