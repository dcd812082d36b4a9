import { useEffect, useState } from "react";
import { NodError } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { read } from "./session";

/** What the server counted, or why it is not to be had. */
export interface Report<Answer> {
  /** Null until the first answer. */
  answer: Answer | null;
  /** The answer is of another period than the one that was asked for since. */
  old: boolean;
  /** Analytics is switched off on this server. */
  off: boolean;
  problem: Trouble | null;
}

const AGAIN_MS = 30_000;

/** Reads one of the server's analytics: at once, every 30 s, and when somebody looks at the page again. */
export function useReport<Answer>(token: string, name: string, days: number): Report<Answer> {
  const [report, setReport] = useState<Omit<Report<Answer>, "old"> & { days: number }>(unread);
  useEffect(() => {
    const abort = new AbortController();
    const look = async () => {
      if (document.hidden) return;
      try {
        const answer = await read<Answer>(
          token,
          `/api/v1/analytics/${name}?days=${days}`,
          abort.signal,
        );
        setReport({ answer, off: false, problem: null, days });
      } catch (error) {
        if (abort.signal.aborted) return;
        const off = error instanceof NodError && error.status === 404;
        const problem = off ? null : trouble(error);
        // What was read of this period stays: it was true. Under another heading it would not be.
        setReport((known) => ({
          ...(known.days === days && !off ? known : unread),
          off,
          problem,
          days,
        }));
      }
    };
    void look();
    const timer = setInterval(() => void look(), AGAIN_MS);
    document.addEventListener("visibilitychange", look, { signal: abort.signal });
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [token, name, days]);
  return { ...report, old: report.days !== days };
}

const unread = { answer: null, off: false, problem: null, days: 0 };
