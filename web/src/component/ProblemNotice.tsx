import type { ReactNode } from "react";
import type { NodError } from "../sdk";
import { duration } from "./duration";
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
  const early = tooEarly.has(problem.code);
  return (
    <Notice
      tone={early ? "heed" : "problem"}
      icon={early ? "clock" : "warning"}
      title={title}
      action={action}
    >
      {text}
      {retryIn !== null && (
        // Every second is for the eyes only; the words above were read already.
        <span aria-hidden="true">
          {say.gap}
          {retryIn > 0 ? say("problem.wait", { time: duration(retryIn) }) : say("problem.now")}
        </span>
      )}
    </Notice>
  );
}

/** The words for a failure: what happened, then the next step. */
export function problemWords(
  say: Say,
  { code, title, detail }: Pick<NodError, "code" | "title" | "detail">,
): { title: string; text: string } {
  const name = `problem.${same[code] ?? code}`;
  const text = `${name}_text`;
  if (!isPlainKey(name) || !isPlainKey(text)) return { title, text: detail };
  return { title: say(name), text: say(text) };
}

// Nothing went wrong: it is only too early.
const tooEarly: ReadonlySet<string> = new Set(["cooldown", "in_progress"]);

// Codes that mean the same to a person.
const same: Record<string, string> = {
  unauthenticated: "no_token",
  bad_answer: "internal",
  client: "internal",
};
