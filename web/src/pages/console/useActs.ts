import { useEffect, useState } from "react";
import { type Trouble, trouble } from "../problem";
import type { OperatorAct } from "./acts";
import { read } from "./session";

/** The last hundred acts of operators, newest first. */
export interface Acts {
  acts: OperatorAct[] | null;
  problem: Trouble | null;
}

/** Reads what operators did, again whenever `heard` moves. */
export function useActs(token: string, heard: number): Acts {
  const [acts, setActs] = useState<OperatorAct[] | null>(null);
  const [problem, setProblem] = useState<Trouble | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: an act is a reason to read again
  useEffect(() => {
    const abort = new AbortController();
    read<{ acts: OperatorAct[] }>(token, "/api/v1/operator-acts", abort.signal).then(
      (answer) => {
        if (abort.signal.aborted) return;
        setActs(answer.acts);
        setProblem(null);
      },
      (error) => {
        if (!abort.signal.aborted) setProblem(trouble(error));
      },
    );
    return () => abort.abort();
  }, [token, heard]);
  return { acts, problem };
}
