import { useState } from "react";
import { type Country, countryOf, type Phones } from "./phonenumber";

const key = "nod.country";

/**
 * The country of a number that is being typed: chosen here, else the one of the number that this
 * browser gave last, else the one that its languages name. Gives it, a way to choose another, and
 * one to keep it for the next time.
 */
export function useCountry(
  phones: Phones | null,
): [Country, (chosen: Country) => void, (kept: Country | undefined) => void] {
  const [chosen, choose] = useState<Country | null>(null);
  const [remembered] = useState(load);
  const known = phones?.countries;
  const before = known?.find((country) => country === remembered);
  return [chosen ?? before ?? countryOf(navigator.languages, known), choose, save];
}

// A page may be forbidden to keep anything; then the country is guessed each time.
function load(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function save(country: Country | undefined): void {
  try {
    if (country) localStorage.setItem(key, country);
  } catch {
    // Then it is guessed again.
  }
}
