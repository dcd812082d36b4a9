/** The digits of what was typed, pasted or filled in ("123 456", "G-123456"), at most `length`. */
export function onlyDigits(raw: string, length: number): string {
  return raw.replace(/\D/g, "").slice(0, length);
}

/** The digits after a key was pressed: a digit is added, Backspace erases, all else changes nothing. */
export function afterKey(digits: string, key: string, length: number): string {
  if (key === "Backspace") return digits.slice(0, -1);
  return /^\d$/.test(key) ? onlyDigits(digits + key, length) : digits;
}

/** A number as a screen reader should say it: digit by digit. */
export function spokenDigits(digits: string): string {
  return digits.split("").join(" ");
}
