/** The digits of what was typed, pasted or filled in ("123 456", "G-123456", "१२३"), at most `length`. */
export function onlyDigits(raw: string, length: number): string {
  return latinDigits(raw).replace(/\D/g, "").slice(0, length);
}

/** A text with the decimal digits of any script as Latin ones: "٠١٢" and "०१२" are "012". */
export function latinDigits(raw: string): string {
  return raw.replace(/\p{Nd}/gu, (digit) => {
    // Unicode keeps each script's ten digits side by side, from nought to nine.
    const place = digit.codePointAt(0) as number;
    let nought = place;
    while (isDigit(nought - 1)) nought--;
    return String((place - nought) % 10);
  });
}

/** The digits after a key was pressed: a digit is added, Backspace erases, all else changes nothing. */
export function afterKey(digits: string, key: string, length: number): string {
  if (key === "Backspace") return digits.slice(0, -1);
  return /^\d$/.test(key) ? onlyDigits(digits + key, length) : digits;
}

/** A number as the eye takes it in: up to four digits at once, longer ones in threes. */
export function groupsOf(digits: string): string[] {
  return digits.length <= 4 ? [digits] : (digits.match(/.{1,3}/g) ?? []);
}

/** A number as a screen reader should say it: digit by digit. */
export function spokenDigits(digits: string): string {
  return digits.split("").join(" ");
}

function isDigit(place: number): boolean {
  return /\p{Nd}/u.test(String.fromCodePoint(place));
}
