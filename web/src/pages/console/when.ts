import { timeOfDay } from "../../component/time";

/** "14:32:07" today, "3 May, 14:32" on another day, in the reader's own time zone. */
export function when(at: string, now: number = Date.now()): string {
  const day = (time: number | string) => new Date(time).toDateString();
  if (day(at) === day(now)) return timeOfDay(at);
  const date = new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return `${date}, ${timeOfDay(at, false)}`;
}
