import type { IconName } from "../theme/Icon";
import { heldWords, safetyWords } from "./safety";
import { delay } from "./time";

/** One event of a verification's audit trail; it never holds a secret. */
export interface TimelineEvent {
  seq: number;
  name: string;
  at: string;
  channel?: string;
  state?: string;
  stage?: string;
  reason?: string;
  method?: string;
  class?: string;
  refusal?: string;
  purpose?: string;
  provider?: string;
  /** ISO 3166-1 alpha-2, of the number. */
  country?: string;
  /** BCP 47, of the texts. */
  locale?: string;
  /** What an operator did, to what, and by whose session or key. */
  action?: string;
  detail?: string;
  by?: string;
  /** Of a rule: which limit was met, whether it only notes, and until when it holds. */
  limit?: string;
  mode?: string;
  until?: string;
  percent?: number;
  /** How unusual a start was, 0 to 100, and what spoke for that, with commas between. */
  score?: number;
  reasons?: string;
}

/** One line of the timeline. */
export interface Line {
  seq: number;
  name: string;
  at: string;
  icon: IconName;
  words: string;
  /** Who did it, where the words leave that open: a provider, an operator's session. Often empty. */
  by: string;
  delay: string;
  tone: "plain" | "good" | "bad";
}

/** The lines of a timeline in order, each with its delay since the first event. */
export function timelineLines(events: TimelineEvent[]): Line[] {
  const inOrder = [...events].sort((a, b) => a.seq - b.seq);
  const start = inOrder[0]?.at ?? "";
  return inOrder.map((event) => ({
    seq: event.seq,
    name: event.name,
    at: event.at,
    icon: iconOf(event),
    words: eventWords(event),
    by: event.by ?? (event.channel === "websocket" ? "" : (event.provider ?? "")),
    delay: delay(start, event.at),
    tone: toneOf(event),
  }));
}

/** Adds an event once: the same `seq` may come twice. */
export function addEvent(events: TimelineEvent[], event: TimelineEvent): TimelineEvent[] {
  return events.some((known) => known.seq === event.seq) ? events : [...events, event];
}

/** The icon of each channel. */
export const channelIcons: Readonly<Record<string, IconName>> = {
  websocket: "app",
  push: "push",
  sms: "sms",
  voice: "voice",
  email: "email",
};

function iconOf(event: TimelineEvent): IconName {
  const channel = channelIcons[event.channel ?? ""];
  if (channel) return channel;
  switch (toneOf(event)) {
    case "good":
      return "check";
    case "bad":
      return "cross";
    default:
      return rooms[event.name.split(".")[0] ?? ""] ?? "dot";
  }
}

const rooms: Record<string, IconName> = { code: "lock", operator: "shield", risk: "shield" };

function toneOf(event: TimelineEvent): Line["tone"] {
  if (event.name === "verification.approved" || event.name === "delivery.responded") return "good";
  // A phone that is not connected is nobody's fault: another way is next.
  if (event.channel === "websocket" && event.name.startsWith("delivery.")) return "plain";
  return /\.(denied|reported|failed|expired|blocked|exhausted|check_failed|rejected|undelivered|locked)$/.test(
    event.name,
  )
    ? "bad"
    : "plain";
}

const ways: Record<string, string> = {
  websocket: "the open connection",
  push: "a notification",
  sms: "an SMS",
  voice: "a call",
  email: "an e-mail",
};

const methods: Record<string, string> = {
  app: "on the phone",
  sms_code: "with the SMS code",
  voice_code: "with the code from a call",
  email_code: "with the e-mail code",
  trusted_device: "because this device is trusted",
};

/** How somebody approved, after the word "approved"; empty where no words are known. */
export function methodWords(method = ""): string {
  return methods[method] ?? "";
}

const reasons: Record<string, string> = {
  user_denied: "the person said no",
  user_reported: "the person reported it",
  wrong_number: "the wrong number was typed",
  max_attempts: "no tries are left",
  undeliverable: "the number cannot be reached",
  phone_changed: "the number was changed",
  rate_limited: "there were too many",
  fraud_rule: "it looked like fraud",
  country: "no codes go to this country",
  spend_cap: "the day's budget for codes is spent",
  account_locked: "the person is held back",
};

const stages: Record<string, string> = {
  queued: "Ready to be sent",
  contacting_app: "Reaching the phone",
  prompted: "The phone has the request",
  code_entry: "A code can be typed",
  awaiting_resend: "Waiting for the person to send again",
  locked: "Code entry is paused",
};

const acts: Record<string, string> = {
  cancel: "An operator canceled it",
  block: "An operator blocked the person",
  unlock: "An operator unlocked the person",
  replay_webhook: "An operator sent a webhook again",
  replay_webhooks: "An operator sent webhooks again",
  test_webhook: "An operator sent a test webhook",
  enable_webhooks: "An operator enabled webhooks",
};

function actWords({ action = "", detail }: TimelineEvent): string {
  if (detail && action === "block") return `An operator blocked ${detail}`;
  if (detail && action === "unlock") return `An operator lifted the block of ${detail}`;
  return acts[action] ?? "An operator acted";
}

/** What an event means, in plain words. An unknown name stands for itself. */
export function eventWords(event: TimelineEvent): string {
  const way = ways[event.channel ?? ""] ?? "another way";
  const why = event.reason && reasons[event.reason] ? `: ${reasons[event.reason]}` : "";
  const safety = safetyWords(event);
  if (safety) return safety;
  switch (event.name) {
    case "verification.created":
      return event.purpose === "phone" ? "Proof of a number asked for" : "Sign-in asked for";
    case "verification.skipped_trusted":
      return "Recognised this browser, so nobody is asked";
    case "verification.stage_changed":
      return stages[event.stage ?? ""] ?? "Next stage";
    case "verification.approved":
      return `Approved ${methodWords(event.method)}`.trimEnd();
    case "verification.denied":
      return `Refused${why}`;
    case "verification.reported":
      return "Reported: this wasn't the person";
    case "verification.failed":
      return `Failed${why}`;
    case "verification.expired":
      return "Time ran out";
    case "verification.canceled":
      return `Canceled${why}`;
    case "verification.superseded":
      return "A newer sign-in took its place";
    case "verification.blocked":
      return `Blocked before anything was sent${why}`;
    case "verification.reused":
      return "Joined the one already open";
    case "code.issued":
      return "A code was made";
    case "code.check_failed":
      return "A wrong code was typed";
    case "code.exhausted":
      return "No tries left for this code";
    case "resend.requested":
      return event.channel ? `Asked again for ${way}` : "Asked to send again";
    case "resend.rejected":
      return "Sending again was refused";
    case "delivery.queued":
      return `Next: ${way}`;
    case "delivery.accepted":
      return event.channel === "websocket" ? `Sent over ${way}` : `The provider took ${way}`;
    case "delivery.delivered":
      return event.channel === "websocket" ? "The phone confirmed it" : `Delivered ${way}`;
    case "delivery.displayed":
      return "The phone has shown it";
    case "delivery.responded":
      return "The phone answered";
    case "delivery.retrying":
      return `Trying ${way} again`;
    case "delivery.undelivered":
    case "delivery.failed":
      return event.channel === "websocket"
        ? "The phone is not connected"
        : `Could not deliver ${way}`;
    case "delivery.unknown":
      return `No word back about ${way}`;
    case "delivery.canceled":
      return `No longer needed: ${way}`;
    case "delivery.expired":
      return `Too late for ${way}`;
    case "delivery.suppressed":
      return `Held back ${way}${heldWords(event)}`;
    case "delivery.fallback_started":
      return `Moving on to ${way}`;
    case "phone.changed":
      return "The number was left for another";
    case "operator.acted":
      return actWords(event);
    default:
      return event.name;
  }
}
