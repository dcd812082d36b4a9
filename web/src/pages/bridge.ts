import type { TimelineEvent } from "../component/timeline";

/** The three switches of a phone; each one that is off cuts one rung of the ladder. */
export interface Switches {
  online: boolean;
  push: boolean;
  signal: boolean;
}

/** All ways to the phone are open. */
export const allOn: Switches = { online: true, push: true, signal: true };

/** What the frames of the stage tell each other. No secret is ever among it. */
export type Message =
  | { nod: "began"; verification_id: string }
  | { nod: "event"; verification_id: string; event: TimelineEvent }
  | {
      nod: "phone";
      slot: string;
      switches: Switches;
      /** Whether notifications can come to it at all. */
      notified: boolean;
      ready: boolean;
      waiting: boolean;
    }
  | { nod: "switch"; slot: string; switches: Switches };

/** Tells another window of this origin; a page that stands alone tells nobody. */
export function tell(target: Window | null | undefined, message: Message): void {
  if (target && target !== window) target.postMessage(message, location.origin);
}

/** Hears what windows of this origin tell, and nothing else; returns how to stop. */
export function hear(handle: (message: Message, source: MessageEventSource | null) => void) {
  const listener = (event: MessageEvent) => {
    if (event.origin !== location.origin) return;
    const message = readMessage(event.data);
    if (message) handle(message, event.source);
  };
  window.addEventListener("message", listener);
  return () => window.removeEventListener("message", listener);
}

/** Whether this page stands in a frame of the stage. */
export function framed(): boolean {
  return window.parent !== window;
}

/** Reads a message; null when it is none of ours. */
export function readMessage(data: unknown): Message | null {
  if (typeof data !== "object" || data === null) return null;
  const m = data as Record<string, unknown>;
  switch (m.nod) {
    case "began":
      return typeof m.verification_id === "string" ? (m as Message) : null;
    case "event":
      return typeof m.verification_id === "string" && isEvent(m.event) ? (m as Message) : null;
    case "phone":
    case "switch":
      return typeof m.slot === "string" && isSwitches(m.switches) ? (m as Message) : null;
    default:
      return null;
  }
}

/** Reads whether a stored or sent value is a set of switches. */
export function isSwitches(value: unknown): value is Switches {
  if (typeof value !== "object" || value === null) return false;
  const s = value as Record<string, unknown>;
  return [s.online, s.push, s.signal].every((on) => typeof on === "boolean");
}

function isEvent(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const e = value as Record<string, unknown>;
  return typeof e.seq === "number" && typeof e.name === "string" && typeof e.at === "string";
}
