import { useEffect, useState } from "react";
import { secondsUntil } from "../sdk";
import { untilNextSecond } from "./time";

/** A clock: the server's time in milliseconds, as well as this page knows it. */
export type Clock = () => number;

/**
 * The whole seconds left until `endsAt` on `now`'s clock, renewed as each second
 * turns; null while there is no end to wait for.
 */
export function useSecondsLeft(endsAt: number | null | undefined, now: Clock): number | null {
  const [, turn] = useState(0);
  const left = endsAt == null ? null : secondsUntil(endsAt, now());
  useEffect(() => {
    if (endsAt == null) return;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      if (now() >= endsAt) return;
      timer = setTimeout(() => {
        turn((n) => n + 1);
        wait();
      }, untilNextSecond(endsAt, now()) + 1);
    };
    wait();
    return () => clearTimeout(timer);
  }, [endsAt, now]);
  return left;
}
