import { useCallback, useEffect, useRef, useState } from "react";
import { NodError } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { type Earlier, type Row, rowOf, verificationId } from "./model";
import { send } from "./session";

/** What can be searched for, in one sentence. */
const searchable =
  "Search for a verification's id, or for a whole phone number with its country code, like +1 415 555 0123.";

/** What a search came to. */
export interface Search {
  /** Newest first; null until something was searched for. */
  rows: Row[] | null;
  /** What was searched for. */
  asked: string;
  problem: Trouble | null;
  busy: boolean;
  /** Looks for what was typed; what it found, or null when it could not look. */
  find: (text: string) => Promise<Row[] | null>;
  /** Forgets what was found. */
  clear: () => void;
}

const empty = { rows: null, asked: "", problem: null, busy: false };

/**
 * Finds verifications by id or phone number. A number goes to the server in a body, and is kept
 * nowhere but in the field that it was typed into: no address, no history, no storage.
 */
export function useSearch(token: string): Search {
  const [state, setState] = useState<Omit<Search, "find" | "clear">>(empty);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const clear = useCallback(() => {
    running.current?.abort();
    setState(empty);
  }, []);
  const find = useCallback(
    async (text: string) => {
      running.current?.abort();
      const abort = new AbortController();
      running.current = abort;
      setState({ ...empty, asked: text, busy: true });
      try {
        const query = verificationId(text) ?? text.trim();
        const rows = (await search(token, query, abort.signal)).map(rowOf);
        if (abort.signal.aborted) return null;
        setState({ ...empty, asked: text, rows });
        return rows;
      } catch (error) {
        if (!abort.signal.aborted) setState({ ...empty, asked: text, problem: whyNot(error) });
        return null;
      }
    },
    [token],
  );
  return { ...state, find, clear };
}

/** The verifications that a query names, newest first, at most 50. */
export async function search(
  token: string,
  query: string,
  signal?: AbortSignal,
): Promise<Earlier[]> {
  const answer = await send<{ verifications: Earlier[] }>(
    token,
    "/api/v1/search",
    { query },
    signal,
  );
  return answer.verifications;
}

/** What to say where a search found nothing. */
export const nothingFound: Trouble = { title: "Nothing was found", text: searchable };

function whyNot(error: unknown): Trouble {
  const neither = error instanceof NodError && error.status === 422;
  return neither
    ? { title: "That is neither an id nor a number", text: searchable }
    : trouble(error);
}
