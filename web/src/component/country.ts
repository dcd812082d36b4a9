const countries = new Intl.DisplayNames("en", { type: "region", fallback: "code" });

/** "Germany" for "DE"; what is no country code stands for itself. */
export function countryName(code: string): string {
  return /^[A-Z]{2}$/.test(code) ? (countries.of(code) ?? code) : code;
}
