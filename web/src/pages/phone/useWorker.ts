import { useEffect, useRef } from "react";
import { readWorkerMessage } from "../../worker/messages";

/** What the worker of this phone wants of its page. */
export interface WorkerCalls {
  /** A push came; whether its request is on the screen already. */
  pushed: (data: Record<string, string>) => boolean;
  /** A notification was tapped. */
  open: (verificationId: string) => void;
}

/** Listens to the worker of this phone, and opens the request that the address asks for. */
export function useWorker(ready: boolean, calls: WorkerCalls): void {
  const now = useRef(calls);
  now.current = calls;
  useEffect(() => {
    if (!ready || !("serviceWorker" in navigator)) return;
    const hear = ({ data, ports }: MessageEvent) => {
      const message = readWorkerMessage(data);
      if (message?.nod === "open") now.current.open(message.verificationId);
      if (message?.nod === "pushed") ports[0]?.postMessage(now.current.pushed(message.data));
    };
    navigator.serviceWorker.addEventListener("message", hear);
    return () => navigator.serviceWorker.removeEventListener("message", hear);
  }, [ready]);
  const wanted = useRef(requestIn(location.hash));
  useEffect(() => {
    if (!ready || !wanted.current) return;
    now.current.open(wanted.current);
    wanted.current = null;
  }, [ready]);
}

/** The request that an address is about; null when it names none. */
export function requestIn(hash: string): string | null {
  const id = new URLSearchParams(hash.slice(1)).get("request") ?? "";
  return /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : null;
}
