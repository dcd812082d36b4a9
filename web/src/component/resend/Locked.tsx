import { duration, momentOf } from "../duration";
import { useSay } from "../texts";
import { type Clock, useSecondsLeft } from "../useSecondsLeft";

/** Too many wrong codes: nothing can be typed until a time, if one is known. */
export function Locked({ until, now }: { until: string | null | undefined; now: Clock }) {
  const say = useSay();
  const left = useSecondsLeft(momentOf(until), now);
  return (
    <p>
      {left === null ? say("code.locked_text") : say("code.locked_until", { time: duration(left) })}
    </p>
  );
}
