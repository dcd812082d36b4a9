import { useEffect, useReducer, useState } from "react";
import { type Trouble, trouble } from "../problem";
import { type Ready, SetUpRefused, setUp, setUpAgain } from "./setup";

/**
 * Makes the phone ready when the page opens; `renew` enrolls it anew, `again` retries and is null
 * once that can never help.
 */
export function useReady(slot: string, setProblem: (problem: Trouble | null) => void) {
  const [ready, setReady] = useState<Ready | null>(null);
  const [refused, setRefused] = useState(false);
  const [{ tries, anew }, retry] = useReducer(
    (now: { tries: number; anew: boolean }, anew: boolean) => ({ tries: now.tries + 1, anew }),
    { tries: 0, anew: false },
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: each try sets up again
  useEffect(() => {
    let current = true;
    setProblem(null);
    const work = anew ? setUpAgain(slot) : setUp(slot);
    work.then(
      (value) => current && setReady(value),
      (error) => {
        if (!current) return;
        setRefused(error instanceof SetUpRefused);
        setProblem(error instanceof SetUpRefused ? error.trouble : trouble(error));
      },
    );
    return () => {
      current = false;
    };
  }, [slot, tries, anew, setProblem]);
  return { ready, renew: () => retry(true), again: refused ? null : () => retry(anew) };
}
