import { useCallback, useState } from "react";
import { type Trouble, trouble } from "./problem";

/** What a page does for the person, one thing at a time, with words for what went wrong. */
interface Attempts {
  busy: boolean;
  problem: Trouble | null;
  setProblem: (problem: Trouble | null) => void;
  /** Whether the work succeeded; if not, `problem` says why. */
  attempt: (work: () => Promise<unknown>) => Promise<boolean>;
}

/** Keeps a page busy while it works and turns failures into words; `words` stays the same. */
export function useAttempt(words: (error: unknown) => Trouble = trouble): Attempts {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const attempt = useCallback(
    async (work: () => Promise<unknown>) => {
      setBusy(true);
      setProblem(null);
      try {
        await work();
        return true;
      } catch (error) {
        setProblem(words(error));
        return false;
      } finally {
        setBusy(false);
      }
    },
    [words],
  );
  return { busy, problem, setProblem, attempt };
}
