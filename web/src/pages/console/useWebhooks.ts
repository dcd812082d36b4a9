import { useCallback, useEffect, useState } from "react";
import { pause } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { read, send } from "./session";

/** One event on its way to the integrator. */
export interface WebhookMessage {
  id: string;
  type: string;
  verification_id?: string;
  state: "waiting" | "held" | "delivered" | "failed";
  attempts: number;
  status?: number;
  detail?: string;
  created_at: string;
  next_try_at?: string;
}

/** How webhooks do, as the server tells it. */
export interface WebhookReport {
  on: boolean;
  host?: string;
  disabled_at?: string;
  counts: Record<WebhookMessage["state"], number>;
  messages: WebhookMessage[];
  server_time: string;
}

/** Webhooks and what an operator may do about them. */
export interface Webhooks {
  report: WebhookReport | null;
  problem: Trouble | null;
  /** What came of the last thing that was done, in words. */
  said: string;
  /** Something is being done. */
  busy: boolean;
  test: () => void;
  replay: (message: WebhookMessage) => void;
  replayAll: () => void;
  enable: () => void;
}

const path = "/api/v1/webhooks";
const LOOK_MS = 5000;
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** Follows webhooks by asking every five seconds, and at once after something was done. */
export function useWebhooks(token: string): Webhooks {
  const [report, setReport] = useState<WebhookReport | null>(null);
  const [unread, setUnread] = useState<Trouble | null>(null);
  const [undone, setUndone] = useState<Trouble | null>(null);
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);

  const look = useCallback(
    async (signal?: AbortSignal) => {
      try {
        const found = await read<WebhookReport>(token, path, signal);
        if (signal?.aborted) return;
        setReport(found);
        setUnread(null);
      } catch (error) {
        if (!signal?.aborted) setUnread(trouble(error));
      }
    },
    [token],
  );
  useEffect(() => {
    const abort = new AbortController();
    const follow = async () => {
      while (!abort.signal.aborted) {
        await look(abort.signal);
        await pause(LOOK_MS, abort.signal);
      }
    };
    void follow();
    return () => abort.abort();
  }, [look]);

  const act = async (work: () => Promise<string>) => {
    setBusy(true);
    setUndone(null);
    setSaid("");
    try {
      setSaid(await work());
    } catch (error) {
      setUndone(trouble(error));
    }
    setBusy(false);
    await look();
  };
  return {
    report,
    problem: undone ?? unread,
    said,
    busy,
    test: () =>
      void act(async () => {
        await send(token, `${path}/test`);
        return "A test is on its way. It appears in the list.";
      }),
    replay: ({ id, type }) =>
      void act(async () => {
        await send(token, `${path}/${encodeURIComponent(id)}/replay`);
        return `${type} is on its way once more.`;
      }),
    replayAll: () => void act(() => replayAll(token)),
    enable: () =>
      void act(async () => {
        await send(token, `${path}/enable`);
        return "What happens from now on is sent again. What was held waits for a replay.";
      }),
  };
}

// The server replays so many in one call and says where to go on.
async function replayAll(token: string): Promise<string> {
  let since: string | undefined = new Date(Date.now() - KEPT_MS).toISOString();
  let count = 0;
  while (since) {
    const answer: { replayed: number; next_since?: string } = await send(token, `${path}/replay`, {
      since,
    });
    count += answer.replayed;
    since = answer.next_since;
  }
  return count === 1 ? "1 event is on its way." : `${count} events are on their way.`;
}
