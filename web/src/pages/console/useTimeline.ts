import { useCallback, useEffect, useState } from "react";
import type { TimelineEvent } from "../../component/timeline";
import { NodError, pause } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { endOf } from "./facts";
import { type Row, rowOf } from "./model";
import { read } from "./session";
import { search } from "./useSearch";

const LOOK_MS = 5000;

/** One verification: its audit trail, and what it is, or why they are not to be had. */
export interface Trail {
  events: TimelineEvent[] | null;
  /** What a list knows of it; null until that is known. */
  row: Row | null;
  problem: Trouble | null;
  /** Reads it again now. */
  again: () => void;
}

/**
 * Reads the timeline of a verification: again whenever the list hears of it, and every five seconds
 * while it is open, since a busy server tells consoles less than everything. A verification that
 * the list does not know is looked up.
 */
export function useTimeline(token: string, id: string | null, row: Row | null): Trail {
  const [trail, setTrail] = useState<Omit<Trail, "again"> & { id: string | null }>(empty);
  const [asked, ask] = useState(0);
  const listed = row !== null;
  const changedAt = row?.changedAt;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change is a reason to read again
  useEffect(() => {
    if (!id) return;
    const abort = new AbortController();
    const path = `/api/v1/verifications/${encodeURIComponent(id)}/timeline`;
    const look = async (): Promise<boolean> => {
      try {
        const [{ events }, found] = await Promise.all([
          read<{ events: TimelineEvent[] }>(token, path, abort.signal),
          listed ? null : search(token, id, abort.signal),
        ]);
        if (abort.signal.aborted) return false;
        setTrail({ id, events, row: found?.[0] ? rowOf(found[0]) : null, problem: null });
        return !endOf(events);
      } catch (error) {
        if (abort.signal.aborted) return false;
        const problem = trouble(error);
        // What was read before stays: it was true.
        setTrail((known) => ({ ...(known.id === id ? known : empty), id, problem }));
        return error instanceof NodError && error.temporary;
      }
    };
    const follow = async () => {
      while (await look()) await pause(LOOK_MS, abort.signal);
    };
    void follow();
    return () => abort.abort();
  }, [token, id, changedAt, listed, asked]);
  const again = useCallback(() => ask((times) => times + 1), []);
  const known = trail.id === id ? trail : empty;
  return { ...known, row: row ?? known.row, again };
}

const empty = { id: null, events: null, row: null, problem: null };
