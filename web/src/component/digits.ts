/** The digits of what was typed, pasted or filled in ("123 456", "G-123456"), at most `length`. */
export function onlyDigits(raw: string, length: number): string {
  return raw.replace(/\D/g, "").slice(0, length);
}

/** A number as a screen reader should say it: digit by digit. */
export function spokenDigits(digits: string): string {
  return digits.split("").join(" ");
}
