import { useEffect, useState } from "react";
import { pause } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { read } from "./session";

/** One message that was simulated rather than sent. */
export interface Message {
  id: string;
  channel: "sms" | "push" | "voice" | "email";
  to: string;
  text?: string;
  title?: string;
  body?: string;
  code?: string;
  verification_id?: string;
  at: string;
}

/** The outbox as it fills, newest first. */
export interface Outbox {
  messages: Message[] | null;
  problem: Trouble | null;
}

/** Follows the outbox by long polls, once it is known that there is one. */
export function useOutbox(token: string, there: boolean): Outbox {
  const [outbox, setOutbox] = useState<Outbox>({ messages: null, problem: null });
  useEffect(() => {
    if (!there) return;
    const abort = new AbortController();
    void follow(token, abort.signal, (change) => setOutbox((known) => change(known)));
    return () => abort.abort();
  }, [token, there]);
  return outbox;
}

async function follow(
  token: string,
  signal: AbortSignal,
  set: (change: (known: Outbox) => Outbox) => void,
): Promise<void> {
  let after = "";
  while (!signal.aborted) {
    try {
      const wait = after ? "&wait=25" : "";
      const path = `/api/v1/outbox?after=${encodeURIComponent(after)}${wait}`;
      const answer = await read<{ messages: Message[]; next?: string }>(token, path, signal);
      after = answer.next ?? after;
      set((known) => ({
        messages: merge(known.messages ?? [], answer.messages),
        problem: null,
      }));
      await pause(answer.messages.length > 0 && wait ? 50 : 1000, signal);
    } catch (error) {
      if (signal.aborted) return;
      set((known) => ({ ...known, problem: trouble(error) }));
      await pause(3000, signal);
    }
  }
}

/** Newest first, each once. */
export function merge(known: Message[], fresh: Message[]): Message[] {
  const ids = new Set(known.map((message) => message.id));
  const added = fresh.filter((message) => !ids.has(message.id)).reverse();
  return [...added, ...known].slice(0, 100);
}
