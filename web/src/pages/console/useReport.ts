import { useEffect, useState } from "react";
import { NodError } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { read } from "./session";

/** What the server counted, or why it is not to be had. */
export interface Report<Answer> {
  /** Null until the first answer; an older one while another period is asked for. */
  answer: Answer | null;
  /** Analytics is switched off on this server. */
  off: boolean;
  problem: Trouble | null;
}

const AGAIN_MS = 30_000;

/** Reads one of the server's analytics: at once, every 30 s, and when somebody looks at the page again. */
export function useReport<Answer>(token: string, name: string, days: number): Report<Answer> {
  const [report, setReport] = useState<Report<Answer>>(unread);
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
        setReport({ answer, off: false, problem: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (error instanceof NodError && error.status === 404) setReport({ ...unread, off: true });
        else setReport((known) => ({ ...known, problem: trouble(error) }));
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
  return report;
}

const unread = { answer: null, off: false, problem: null };
