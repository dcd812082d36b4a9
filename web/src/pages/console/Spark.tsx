import { timeOfDay } from "../../component/time";
import { count } from "./numbers";
import type { HourOutline } from "./pulse";
import { Stacked } from "./Stacked";
import "./Spark.css";

/** The last 24 hours in the space of a word: what was started, and how much of it was approved. */
export function Spark({ hours }: { hours: readonly HourOutline[] }) {
  const most = hours.reduce<HourOutline | null>(
    (found, hour) => (hour.started > (found?.started ?? 0) ? hour : found),
    null,
  );
  if (!most) return null;
  const words = `The last 24 hours: most at ${timeOfDay(most.at, false)}, ${count(most.started)} started`;
  return (
    <span className="spark" role="img" aria-label={words} title={words}>
      {hours.map(({ at, started, approved }) => (
        <Stacked key={at} whole={started} part={approved} most={most.started} />
      ))}
    </span>
  );
}
