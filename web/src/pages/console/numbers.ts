// How the console writes numbers. What is not known is a dash.

/** "12,480"; from a million on "1.24 M", which still fits. */
export function count(n: number | null): string {
  if (n === null) return "–";
  if (Math.abs(n) < 1e6) return Math.round(n).toLocaleString("en-US");
  return `${(n / 1e6).toFixed(2)} M`;
}

/** "87 %" of a share from 0 to 1. Nearly all is not "100 %" and hardly any not "0 %". */
export function percent(share: number | null): string {
  if (share === null) return "–";
  const points = share * 100;
  if (points > 0 && points < 0.95) return `${Math.max(0.1, points).toFixed(1)} %`;
  if (points > 99 && points < 100) return `${(Math.floor(points * 10) / 10).toFixed(1)} %`;
  return `${Math.round(points)} %`;
}

/** "840 ms", "12.4 s", "2.5 min", "2.5 h": as exact as it is short. */
export function took(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 99.95) return `${trimmed(seconds)} s`;
  if (seconds < 597) return `${trimmed(seconds / 60)} min`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${trimmed(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}

/** How often a second: "0", "0.4", "12", "1,280". */
export function rate(perSecond: number | null): string {
  if (perSecond === null) return "–";
  return perSecond < 9.95 ? trimmed(perSecond) : count(perSecond);
}

/** "1 phone", "2 phones". */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** "a, b and c". */
export function listed(words: string[]): string {
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(words);
}

/** A part of a whole; null where there is no whole. */
export function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function trimmed(n: number): string {
  return n.toFixed(1).replace(/\.0$/, "");
}
