import { useEffect, useState } from "react";
import type { TimelineEvent } from "../../component/timeline";
import { type Trouble, trouble } from "../problem";
import { read } from "./session";

/** The audit trail of one verification, or why it is not to be had. */
interface Trail {
  events: TimelineEvent[] | null;
  problem: Trouble | null;
}

/** Reads the timeline of a verification, again whenever `changedAt` moves. */
export function useTimeline(token: string, id: string | null, changedAt: string): Trail {
  const [trail, setTrail] = useState<Trail & { id: string | null }>(empty);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change is a reason to read again
  useEffect(() => {
    if (!id) return;
    const abort = new AbortController();
    read<{ events: TimelineEvent[] }>(
      token,
      `/api/v1/verifications/${encodeURIComponent(id)}/timeline`,
      abort.signal,
    ).then(
      ({ events }) => setTrail({ id, events, problem: null }),
      (error) => {
        if (!abort.signal.aborted) setTrail({ id, events: null, problem: trouble(error) });
      },
    );
    return () => abort.abort();
  }, [token, id, changedAt]);
  return trail.id === id ? trail : empty;
}

const empty = { id: null, events: null, problem: null };
