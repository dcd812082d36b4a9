import type { ConnectionState } from "./connection.ts";
import { type Countdowns, NO_COUNTDOWNS } from "./countdown.ts";
import type { NodError } from "./errors.ts";
import type { Transport } from "./feed.ts";
import type { Memory } from "./memory.ts";
import type { Summary } from "./onboarding.ts";
import type { Result, StatusBody } from "./protocol.ts";
import type { SocketConstructor } from "./socket.ts";
import type { FetchToken } from "./usertoken.ts";
import type { WatcherEvents } from "./watcher.ts";

/** What proving a number needs. */
export interface PhoneVerificationOptions {
  baseUrl: string;
  fetchToken: FetchToken;
  /** The language of the message, for example `pt-BR`. */
  locale?: string;
  /** Without it a reload learns from the server only that something is open; see `elsewhere`. */
  memory?: Memory;
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
}

/** What the proof of a number tells. */
export interface PhoneEvents extends Pick<WatcherEvents, "event"> {
  /** Once for each verification that ends. */
  result: Result;
  problem: NodError;
}

/**
 * Where the proof of a number stands:
 *
 * ```
 * loading → entry → open → approved
 *      ↘────────────↗  ↘→ ended
 * ```
 *
 * `loading` finds out what a reload interrupted, `entry` waits for a number, `open` for its code;
 * `ended` is every end but the good one, and `status` says which. `again()` leads back to `entry`.
 */
export type PhonePhase = "loading" | "entry" | "open" | "approved" | "ended";

/** What is being done for the person; one thing at a time. */
export type PhoneAct = "send" | "check" | "resend" | "change" | "cancel" | "takeOver" | "finish";

/** Everything a page shows that proves a number. */
export interface PhoneState {
  phase: PhonePhase;
  /** The number the person gave, E.164; "" before. */
  phoneNumber: string;
  status: StatusBody | null;
  countdowns: Countdowns;
  connection: ConnectionState;
  transport: Transport | null;
  /** Set with `approved` and `ended`. */
  result: Result | null;
  busy: PhoneAct | null;
  /** What went wrong with the last act; the next one clears it, and one without a connection ends with that. */
  problem: NodError | null;
  /** Whole seconds until the act of `problem` may be tried again; 0 is now, null: nobody said. */
  retryIn: number | null;
  /** The last send gave back an open verification: no further message is on its way. */
  reused: boolean;
  /** It is open, but this side has no credential of it, or a void one: another window has it. `takeOver` gets it. */
  elsewhere: boolean;
  /** How often a code was wrong since the present one was made. */
  wrong: number;
  /** The user's own figures, once asked for. */
  summary: Summary | null;
}

/** Before anything is known. */
export const NO_PHONE: PhoneState = {
  phase: "loading",
  phoneNumber: "",
  status: null,
  countdowns: NO_COUNTDOWNS,
  connection: "closed",
  transport: null,
  result: null,
  busy: null,
  problem: null,
  retryIn: null,
  reused: false,
  elsewhere: false,
  wrong: 0,
  summary: null,
};
