import type { ReactNode } from "react";
import type { NodError, Problem } from "../sdk";
import { Again } from "./Again";
import { Notice } from "./Notice";
import { isPlainKey, type Say, useSay } from "./texts";

/**
 * What went wrong and what to do next, in the person's language by the server's code; the server's
 * own words where this page knows none. Where waiting helps, the wait is counted down.
 */
export function ProblemNotice({
  problem,
  retryIn = null,
  action,
}: {
  problem: NodError;
  /** Whole seconds until another try; 0 is now, null where nobody knows. */
  retryIn?: number | null;
  action?: ReactNode;
}) {
  const say = useSay();
  const { title, text } = problemWords(say, problem);
  const early = isTooEarly(problem);
  return (
    <Notice
      tone={early ? "heed" : "problem"}
      icon={early ? "clock" : "warning"}
      title={title}
      action={action}
    >
      {text}
      {retryIn !== null && <Again seconds={retryIn} />}
    </Notice>
  );
}

/** The words for a failure: what happened, then the next step. */
export function problemWords(
  say: Say,
  { code, title, detail, reason, retryAfter }: Omit<Problem, "status">,
): { title: string; text: string } {
  const name = `problem.${same[code] ?? code}`;
  const whole = `${name}_text`;
  if (!isPlainKey(name) || !isPlainKey(whole)) return { title, text: detail };
  const because = `${name}_${reason}_text`;
  if (reason && isPlainKey(because)) return { title: say(name), text: say(because) };
  // A lock that no time ends is for somebody to lift.
  const text = code === "locked" && !retryAfter ? "code.locked_text" : whole;
  return { title: say(name), text: say(text) };
}

/** Whether nothing went wrong: it is only too early. */
export function isTooEarly({ code }: Pick<NodError, "code">): boolean {
  return ["cooldown", "in_progress", "rate_limited"].includes(code);
}

// Codes that mean the same to a person.
const same: Record<string, string> = {
  unauthenticated: "no_token",
  bad_answer: "internal",
  client: "internal",
};
