import { newestCode, outOfReach, sentOf, unrung } from "../../component/rail";
import { isPlainKey, type Key, type PlainKey, type Say } from "../../component/texts";
import { clock } from "../../component/time";
import type { Track } from "../../component/tracks";
import type { Countdowns, StatusBody } from "../../sdk";

/** What the card shows while a sign-in is open. */
type View = "asked" | "code" | "waiting" | "locked";

/** Chooses the view of an open sign-in: a code that can be typed comes before all else. */
export function viewOf(status: StatusBody): View {
  if (status.stage === "code_entry") return "code";
  if (status.stage === "locked") return "locked";
  if (status.stage === "awaiting_resend") return "waiting";
  return "asked";
}

/** What to do on the phone; before anything is known, what most will have to do. */
export function askedWords(say: Say, status: StatusBody | null, tracks: Track[]): string {
  const act = !status || status.match_number ? "type" : "answer";
  const silent =
    status && (unrung(status, tracks) ? "unrung" : outOfReach(status, tracks) && "away");
  if (!silent) return say(`login.asked.${act}`);
  const sms = sentOf(tracks).some((t) => t.channel === "sms");
  if (silent === "away" && (sms || status.fallback?.channel === "sms")) {
    return say(`login.asked.coded.${act}`);
  }
  const words = say(`login.asked.${silent}.${act}`);
  return say.sentences(words, offersCode(status) ? say("login.asked.or_code") : null);
}

/** Whether a code can be asked for, now or soon. A lock or a limit may leave the app alone. */
function offersCode({ next_actions, alternatives }: StatusBody): boolean {
  return (
    typeof (next_actions?.sms_in ?? next_actions?.voice_in) === "number" ||
    (alternatives ?? []).some(({ kind }) => kind === "voice" || kind === "email")
  );
}

/** A way to be asked again, with the words on its button. */
export interface Way {
  channel: "push" | "sms" | "voice";
  label: string;
  /** Seconds until it can be used; 0 is now. */
  wait: number;
  /** The first code is the ladder's next step, started early; it costs no resend. */
  first: boolean;
}

/** The ways that are open to the person now or soon, in order. What is not possible is not shown. */
export function waysOf(say: Say, status: StatusBody, tracks: Track[], left: Countdowns): Way[] {
  const offered: readonly (string | undefined)[] = [
    newestCode(tracks)?.channel, // it has a button of its own
    ...(status.alternatives ?? []).map(({ kind }) => kind),
  ];
  const sent = new Set(sentOf(tracks).map((t) => t.channel));
  const coded = sent.has("sms") || sent.has("voice") || sent.has("email");
  const known = { push: sent.has("push") || sent.has("websocket"), sms: sent.has("sms") };
  const way = (channel: Way["channel"], wait: number | null): Way[] => {
    if (wait === null || offered.includes(channel)) return [];
    if (channel === "push" && unrung(status, tracks)) return []; // it would ring no more than this one
    const again = channel === "voice" ? sent.has("voice") : known[channel];
    const key = `login.way.${channel}.${again ? "again" : "first"}` as const;
    const label = wait === 0 ? say(key) : say(`${key}_in`, { time: clock(say, wait) });
    return [{ channel, wait, label, first: channel === "sms" && !coded }];
  };
  return [...way("push", left.push), ...way("sms", left.sms), ...way("voice", left.voice)];
}

/** The words while nothing is under way: what happened, and what can be done. */
export function waitingWords(say: Say, status: StatusBody): { title: string; text: string } {
  if (status.attempts_remaining === 0) {
    return { title: say("code.over"), text: say("code.over_text") };
  }
  return { title: say("login.unanswered.title"), text: say("login.unanswered.text") };
}

/** How a sign-in ended without success: what happened, what is safe, what to do. */
interface Ending {
  title: string;
  text: string;
  /** The words on the button that starts again; null where starting again is no help. */
  again: string | null;
  tone: "plain" | "problem";
}

/** The kind words for each way a sign-in can end. */
export function endingOf(say: Say, status: StatusBody): Ending {
  const end = endOf(status);
  const because = `problem.blocked_${status.reason}_text`;
  const told: PlainKey =
    end === "too_many" && isPlainKey(because) ? because : `login.end.${end}.text`;
  return {
    title: say(`login.end.${end}.title`),
    text: say(told),
    again:
      end === "reported" ? null : say(end === "superseded" ? "login.again_here" : "login.again"),
    tone: calm.has(end) ? "plain" : "problem",
  };
}

// How it ended, as the texts name it.
type End =
  Extract<Key, `login.end.${string}.title`> extends `login.end.${infer Name}.title` ? Name : never;

const calm: ReadonlySet<End> = new Set<End>(["refused", "timed_out", "superseded", "canceled"]);

function endOf({ status, reason }: StatusBody): End {
  switch (status) {
    case "denied":
      if (reason === "wrong_number") return "wrong_number";
      return reason === "user_reported" ? "reported" : "refused";
    case "expired":
      return "timed_out";
    case "failed":
      return reason === "max_attempts" ? "max_attempts" : "unreachable";
    case "blocked":
      return reason === "account_locked" ? "account_locked" : "too_many";
    case "superseded":
      return "superseded";
    default:
      return "canceled";
  }
}

/** The page's words after it: by what the person was recognised, and when. */
export function signedInWords(say: Say, method: string, at: string): string {
  const known = `login.in.${method}`;
  return say(isMethod(known) ? known : "login.in.other", { time: say.time(at) });
}

const methods = ["app", "sms_code", "voice_code", "email_code", "trusted_device"] as const;

function isMethod(key: string): key is `login.in.${(typeof methods)[number]}` {
  return methods.some((method) => key === `login.in.${method}`);
}

/** What a screen reader hears of the result, at once. */
export function resultSpoken(say: Say, status: StatusBody | null): string {
  if (!status || status.status === "pending") return "";
  if (status.status === "approved") return say("login.approved.spoken");
  const ending = endingOf(say, status);
  return say.sentences(ending.title, ending.text);
}
