import { count, percent } from "../numbers";
import type { HourOfDay } from "./reports";

/** All 24 hours of the day in order; those of which nothing is told are empty. */
export function wholeDay(hours: HourOfDay[]): HourOfDay[] {
  const known = new Map(hours.map((hour) => [hour.hour, hour]));
  return Array.from(
    { length: 24 },
    (_, hour) => known.get(hour) ?? { hour, started: 0, successes: 0, success_rate: 0 },
  );
}

/** "09:00" */
export function hourName(hour: number): string {
  return `${String(hour).padStart(2, "0")}:00`;
}

// Hours with less than this share of an even spread say too little to be called best or worst.
const FEW = 1 / 4;

/** When most are started, and when it succeeds most and least. */
export function hourWords(hours: HourOfDay[]): string {
  const some = hours.filter(({ started }) => started > 0);
  const busiest = most(some, ({ started }) => started);
  if (!busiest) return "";
  const mean = some.reduce((sum, { started }) => sum + started, 0) / 24;
  const enough = some.filter(({ started }) => started >= mean * FEW);
  const best = most(enough, ({ success_rate }) => success_rate);
  const worst = most(enough, ({ success_rate }) => -success_rate);
  const busy = `Most at ${hourName(busiest.hour)}: ${count(busiest.started)}.`;
  if (!best || !worst || best.success_rate - worst.success_rate < 0.01) return busy;
  return `${busy} Best at ${hourName(best.hour)} (${percent(best.success_rate)}), worst at ${hourName(worst.hour)} (${percent(worst.success_rate)}).`;
}

function most(hours: HourOfDay[], of: (hour: HourOfDay) => number): HourOfDay | undefined {
  return hours.reduce<HourOfDay | undefined>(
    (found, hour) => (found === undefined || of(hour) > of(found) ? hour : found),
    undefined,
  );
}
