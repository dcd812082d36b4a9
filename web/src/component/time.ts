import { duration } from "./duration";
import type { Say } from "./texts";

/** Milliseconds until the shown second changes, so that all countdowns turn together. */
export function untilNextSecond(endsAt: number, now: number): number {
  const left = endsAt - now;
  const rest = left % 1000;
  return rest > 0 ? rest : 1000 + rest;
}

/** "45 s" below a minute, "2:05" from there, "1:00:00" from an hour. */
export function clock(say: Say, seconds: number): string {
  return seconds < 60 ? say("time.seconds", { seconds }) : duration(seconds);
}

/** A rest of time in words, for a sentence or a screen reader: "89 seconds", "2 hours". */
export function inWords(say: Say, seconds: number): string {
  const many = (n: number, unit: "second" | "minute" | "hour") =>
    new Intl.NumberFormat(say.language, {
      style: "unit",
      unit,
      unitDisplay: "long",
      numberingSystem: "latn",
    }).format(n);
  if (seconds < 90) return many(seconds, "second");
  if (seconds < 5400) return many(Math.round(seconds / 60), "minute");
  return many(Math.round(seconds / 3600), "hour");
}

/** Whether a countdown is read aloud at these seconds. */
export function isSpoken(seconds: number): boolean {
  return [30, 10, 5].includes(seconds);
}

/** What is read aloud of a countdown; null at all other seconds. */
export function spokenCountdown(say: Say, seconds: number): string | null {
  return isSpoken(seconds) ? say("time.left", { time: inWords(say, seconds) }) : null;
}

/** "14:32:07" in the reader's own time zone. */
export function timeOfDay(at: number | string, seconds = true): string {
  return new Date(at).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: seconds ? "2-digit" : undefined,
  });
}

/** "just now" for a minute, "3 min ago", "2 h ago", then the date. */
export function ago(at: number | string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - new Date(at).getTime()) / 1000));
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** A delay since the start, always in milliseconds: "+38 ms", "+5,004 ms". */
export function delay(from: string, at: string): string {
  const ms = Math.max(0, new Date(at).getTime() - new Date(from).getTime());
  return `+${ms.toLocaleString("en-US")} ms`;
}
