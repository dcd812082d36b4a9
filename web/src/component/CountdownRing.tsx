import type { ReactNode } from "react";
import { Ring } from "./Ring";
import { useSay } from "./texts";
import { clock } from "./time";
import { type Clock, useSecondsLeft } from "./useSecondsLeft";
import "./CountdownRing.css";

/**
 * A ring that empties towards an absolute end on the server's clock. What the
 * time is about stands inside; the rest of it is written below that.
 */
export function CountdownRing({
  endsAt,
  total,
  now,
  children,
}: {
  /** End in milliseconds; null draws a full, quiet ring. */
  endsAt: number | null;
  /** The whole span in seconds. */
  total: number;
  now: Clock;
  children: ReactNode;
}) {
  const say = useSay();
  const left = useSecondsLeft(endsAt, now);
  const share = left === null ? 1 : left / Math.max(total, 1);
  return (
    <div className="nod-ring" data-low={left !== null && left <= 10 ? "" : undefined}>
      <Ring share={share} width={2.5} />
      <div className="nod-ring-inside">
        {children}
        {left !== null && (
          <span className="nod-ring-left" role="timer">
            {left === 0 ? say("time.up") : say("time.left", { time: clock(say, left) })}
          </span>
        )}
      </div>
    </div>
  );
}
