// The words of the protocol, as the server writes them: times are RFC 3339 UTC with milliseconds,
// durations whole seconds, rounded up. What may be missing may also be null.

type Maybe<T> = T | null | undefined;

/** Whether a verification is still open, and how it ended. */
export type Status =
  | "pending"
  | "approved"
  | "denied"
  | "expired"
  | "failed"
  | "blocked"
  | "canceled"
  | "superseded";

/** Where a pending verification stands. */
export type Stage =
  | "queued"
  | "contacting_app"
  | "prompted"
  | "code_entry"
  | "awaiting_resend"
  | "locked";

/** The way one message takes to one target. */
export type Channel = "websocket" | "push" | "sms" | "voice" | "email";

/** How a verification was approved. */
export type Method = "app" | "sms_code" | "voice_code" | "email_code" | "trusted_device";

/** How far one delivery came. */
export type DeliveryState =
  | "queued"
  | "leased"
  | "sending"
  | "accepted"
  | "delivered"
  | "displayed"
  | "responded"
  | "retrying"
  | "unknown"
  | "undelivered"
  | "failed"
  | "suppressed"
  | "expired"
  | "canceled";

/** One try to reach one target over one channel. */
export interface Delivery {
  id: string;
  channel: Channel;
  state: DeliveryState;
  class?: Maybe<string>;
  /** Masked. */
  target?: Maybe<string>;
  at: string;
}

/** One line of what was tried so far. */
export interface Attempt {
  at: string;
  kind: string;
  channel?: Maybe<string>;
  status?: Maybe<string>;
  reason?: Maybe<string>;
}

/** A way out that the page may offer. */
export interface Alternative {
  kind: "change_phone" | "voice" | "email" | "support";
  label: string;
  /** Seconds from `server_time`; 0 is now. */
  available_in: number;
}

/** What may be started, in seconds from `server_time`: 0 is now, null is not possible. */
export interface NextActions {
  sms_in?: Maybe<number>;
  push_in?: Maybe<number>;
  voice_in?: Maybe<number>;
  check_in?: Maybe<number>;
}

/** What the server will start by itself, in seconds from `server_time`. */
export interface Fallback {
  channel: "push" | "sms" | "voice";
  in: number;
}

/** The whole state of one verification, as a page may see it. */
export interface StatusBody {
  verification_id: string;
  /** Only in the first answer. */
  client_secret?: Maybe<string>;
  /** An open verification was given back and nothing was sent. */
  reused?: Maybe<boolean>;
  /** After a change of the number: the verification that it ended. */
  previous_verification_id?: Maybe<string>;
  purpose: "login" | "phone";
  status: Status;
  stage?: Maybe<Stage>;
  reason?: Maybe<string>;
  method?: Maybe<Method>;
  /** Masked. */
  phone_number?: Maybe<string>;
  channel?: Maybe<string>;
  /** The number to type on the phone, while a request is open there. */
  match_number?: Maybe<string>;
  /** While approved and not yet redeemed; good for 60 s. */
  result_token?: Maybe<string>;
  next_resend_delay?: Maybe<number>;
  next_resend_at?: Maybe<string>;
  cooldown_remaining?: Maybe<number>;
  resend_count?: Maybe<number>;
  max_resends?: Maybe<number>;
  attempts_remaining?: Maybe<number>;
  code_length?: Maybe<number>;
  /** When the code ends. */
  expires_at?: Maybe<string>;
  prompt_expires_at?: Maybe<string>;
  session_expires_at?: Maybe<string>;
  can_change_phone?: Maybe<boolean>;
  alternative_contact_message?: Maybe<string>;
  alternatives?: Maybe<Alternative[]>;
  next_actions?: Maybe<NextActions>;
  fallback?: Maybe<Fallback>;
  attempt_history?: Maybe<Attempt[]>;
  deliveries?: Maybe<Delivery[]>;
  message?: Maybe<string>;
  message_key?: Maybe<string>;
  /** While codes are locked: until when; absent, they are until somebody unlocks the person. */
  locked_until?: Maybe<string>;
  seq: number;
  server_time: string;
}

/** Where a request came from, in the integrator's words. */
export interface PromptContext {
  app?: Maybe<string>;
  ip?: Maybe<string>;
  user_agent?: Maybe<string>;
  location?: Maybe<string>;
}

/** What a device is asked, as the server sends it; nothing of it is shown before `signed` is checked. */
export interface PromptFrame {
  verification_id: string;
  delivery_id: string;
  purpose: string;
  context?: Maybe<PromptContext>;
  binding_message?: Maybe<string>;
  /** Absent, or 0 digits: no number is asked. */
  match?: Maybe<{ digits: number }>;
  /** The person must unlock the device to approve. */
  require_user_verification?: Maybe<boolean>;
  /** The server's JWS over the same fields. */
  signed: string;
  expires_at: string;
  remaining?: Maybe<number>;
}

/** The seconds that were left of each timer at `server_time`; a missing one does not run. */
export interface Tick {
  verification_id: string;
  server_time: string;
  prompt_in?: number;
  expires_in?: number;
  resend_in?: number;
  session_in?: number;
}

/** The names of a verification's events (contract, section 7). */
export type EventName =
  | `verification.${
      | "created"
      | "reused"
      | "stage_changed"
      | "approved"
      | "denied"
      | "reported"
      | "failed"
      | "expired"
      | "canceled"
      | "superseded"
      | "blocked"
      | "locked"
      | "skipped_trusted"}`
  | `code.${"issued" | "check_failed" | "exhausted"}`
  | `resend.${"requested" | "rejected"}`
  | `delivery.${
      | "queued"
      | "accepted"
      | "retrying"
      | "unknown"
      | "delivered"
      | "displayed"
      | "responded"
      | "undelivered"
      | "failed"
      | "suppressed"
      | "expired"
      | "canceled"
      | "fallback_started"}`
  | "phone.changed"
  // That a rule held something back, or found a start unusual; which, and why, is for operators.
  | `risk.${
      | "limit_hit"
      | "push_suppressed"
      | "budget_exceeded"
      | "spend_warning"
      | "spend_stop"
      | "assessed"}`;

/** One event of a verification's life, with what its name needs. */
export interface VerificationEvent {
  /** A newer server may tell of more. */
  name: EventName | (string & {});
  at: string;
  /** The status body after the event, without the history. */
  state?: Maybe<StatusBody>;
  channel?: Channel | (string & {});
  delivery_id?: string;
  device_id?: string;
  /** Of a delivery that failed. */
  class?: string;
  stage?: Stage;
  reason?: string;
  method?: Method;
  /** The code of a refused resend. */
  refusal?: string;
  /** The verification that took the place of this one. */
  successor_id?: string;
  /** When a lock ends by itself; absent, it lasts until somebody unlocks the person. */
  until?: string;
  [detail: string]: unknown;
}

/** How a verification ended. */
export interface Result {
  verification_id: string;
  status: Status;
  method?: Maybe<Method>;
  reason?: Maybe<string>;
  result_token?: Maybe<string>;
}

/** Whether the answer of a device counted. */
export interface PromptResult {
  verification_id: string;
  accepted: boolean;
  reason?: Maybe<string>;
}

/** Why a request left a device: the server's word, or `gone` when it was closed while nobody listened. */
export type PromptClosedReason =
  | "approved"
  | "denied"
  | "expired"
  | "canceled"
  | "superseded"
  | "code_used"
  | "gone";

/** The end of a request on a device. */
export interface PromptClosed {
  verification_id: string;
  reason: PromptClosedReason;
}

/** The server's greeting after a good `auth`. */
export interface Welcome {
  role: "device" | "watcher" | "console";
  connection_id: string;
  server_time: string;
  heartbeat_seconds: number;
  /** The missed events follow; nothing was lost. */
  resumed: boolean;
}

/** One message in either direction. */
export interface Frame {
  type: string;
  data?: unknown;
  seq?: number;
  id?: string;
}

/** Turns text from the wire into a frame; null when it is none. */
export function parseFrame(text: unknown): Frame | null {
  if (typeof text !== "string") return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { type, data, seq, id } = value as Record<string, unknown>;
  if (typeof type !== "string") return null;
  return {
    type,
    data,
    ...(typeof seq === "number" ? { seq } : {}),
    ...(typeof id === "string" ? { id } : {}),
  };
}

/** Whether the verification has ended; no later state follows. */
export function isTerminal(status: Status): boolean {
  return status !== "pending";
}
