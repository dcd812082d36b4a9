import { momentOf } from "./duration";
import { useSay } from "./texts";
import { inWords } from "./time";
import { type Clock, useSecondsLeft } from "./useSecondsLeft";

/** Too many wrong codes: nothing can be typed until a time, if one is known. */
export function Locked({ until, now }: { until: string | null | undefined; now: Clock }) {
  const say = useSay();
  const left = useSecondsLeft(momentOf(until), now);
  if (left === null) return <p>{say("code.locked_text")}</p>;
  return <p>{say("code.locked_until", { time: inWords(say, Math.max(1, left)) })}</p>;
}
