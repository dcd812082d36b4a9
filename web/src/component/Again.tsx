import { useState } from "react";
import { duration } from "./duration";
import { useSay } from "./texts";
import { inWords } from "./time";

const hour = 3600;

/** After a refusal's words: in how many seconds the same may be tried again; 0 is now. */
export function Again({ seconds }: { seconds: number }) {
  const say = useSay();
  const [told] = useState(seconds);
  const time = seconds < hour ? duration(seconds) : inWords(say, seconds);
  return (
    <>
      {say.gap}
      {told > 0 && (
        <span className="nod-spoken">{say("problem.wait", { time: inWords(say, told) })}</span>
      )}
      {/* Every second is for the eyes only; the ears were told once. */}
      <span aria-hidden="true">
        {seconds > 0 ? say("problem.wait", { time }) : say("problem.now")}
      </span>
    </>
  );
}
