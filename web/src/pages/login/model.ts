import { outOfReach } from "../../component/rail";
import { clock, inWords } from "../../component/time";
import type { Track } from "../../component/tracks";
import { type Countdowns, type StatusBody, secondsUntil } from "../../sdk";

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
export function askedWords(status: StatusBody | null, tracks: Track[]): string {
  const number = !status || Boolean(status.match_number);
  if (status && outOfReach(status, tracks)) {
    const open = `open the app there and ${number ? "type this number" : "answer"}`;
    const coded = tracks.some((t) => t.channel === "sms") || status.fallback?.channel === "sms";
    return coded
      ? `We cannot reach your phone right now, so a code comes by SMS. Or ${open}.`
      : `We cannot reach your phone right now. Choose another way, or ${open}.`;
  }
  return number
    ? "Open the request, type this number, and approve."
    : "Open the request there and answer it.";
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

const words = {
  push: { now: "Ask my phone", again: "Ask again", later: "Ask again" },
  sms: { now: "Text me a code", again: "Text again", later: "Text me" },
  voice: { now: "Call me", again: "Call again", later: "Call me" },
};

/** The ways that are open to the person now or soon, in order. What is not possible is not shown. */
export function waysOf(tracks: Track[], left: Countdowns): Way[] {
  const sent = new Set(tracks.map((t) => t.channel));
  const coded = sent.has("sms") || sent.has("voice") || sent.has("email");
  const asked = { push: sent.has("push") || sent.has("websocket"), sms: sent.has("sms") };
  const way = (channel: Way["channel"], wait: number | null): Way[] => {
    if (wait === null) return [];
    const again = channel === "voice" ? sent.has("voice") : asked[channel];
    const { now, again: repeat, later } = words[channel];
    const label =
      wait === 0 ? (again ? repeat : now) : `${again ? repeat : later} in ${clock(wait)}`;
    return [{ channel, wait, label, first: channel === "sms" && !coded }];
  };
  return [...way("push", left.push), ...way("sms", left.sms), ...way("voice", left.voice)];
}

/** What the person reads about the code field: how many tries are left. */
export function triesLeft(status: StatusBody): string | undefined {
  const left = status.attempts_remaining;
  if (left == null) return undefined;
  if (left <= 0) return "No tries left for this code. Send a new one.";
  return left === 1 ? "One try left" : `${left} tries left`;
}

/** The words while nothing is under way: what happened, and what can be done. */
export function waitingWords(status: StatusBody, now: number): { title: string; text: string } {
  if (status.stage === "locked") {
    const until = status.locked_until ? Date.parse(status.locked_until) : null;
    return {
      title: "Codes are paused",
      text: `Too many wrong codes were typed, so your account is being kept safe. ${lockedWords(until, now)}`,
    };
  }
  if (status.attempts_remaining === 0) {
    return {
      title: "That code is used up",
      text: "It was wrong too often, or it is too old. Nobody was signed in. Choose how we should reach you.",
    };
  }
  return {
    title: "Shall we ask again?",
    text: "There was no answer in time and nobody was signed in. Choose how we should reach you.",
  };
}

/** How a sign-in ended without success: what happened, what is safe, what to do. */
interface Ending {
  title: string;
  text: string;
  /** The words on the button that starts again; null where starting again is no help. */
  again: string | null;
  tone: "plain" | "problem";
}

const nothing = "Nobody was signed in.";

/** The kind words for each way a sign-in can end. */
export function endingOf(status: StatusBody): Ending {
  switch (status.status) {
    case "denied":
      return denied(status.reason);
    case "expired":
      return {
        title: "Time ran out",
        text: `Nobody answered in time. ${nothing} Start again when you have your phone at hand.`,
        again: "Start again",
        tone: "plain",
      };
    case "failed":
      return failed(status.reason);
    case "blocked":
      return blocked(status.reason);
    case "superseded":
      return {
        title: "A newer sign-in took over",
        text: "You started again in another window, so this one was closed. Carry on there, or start again here.",
        again: "Start again here",
        tone: "plain",
      };
    default:
      return {
        title: "Sign-in canceled",
        text: `${nothing} You can start again whenever you like.`,
        again: "Start again",
        tone: "plain",
      };
  }
}

function denied(reason: StatusBody["reason"]): Ending {
  if (reason === "wrong_number") {
    return {
      title: "That number did not match",
      text: `Another number was typed on the phone, so we closed this request. ${nothing} Start again and type the new number.`,
      again: "Start again",
      tone: "problem",
    };
  }
  if (reason === "user_reported") {
    return {
      title: "Thank you for telling us",
      text: `You said this wasn't you. ${nothing} New sign-ins are held back for 15 minutes, and your bank can see it.`,
      again: null,
      tone: "problem",
    };
  }
  return {
    title: "You said no",
    text: `The request was refused on your phone. ${nothing} If it was a slip, start again.`,
    again: "Start again",
    tone: "plain",
  };
}

function failed(reason: StatusBody["reason"]): Ending {
  if (reason === "max_attempts") {
    return {
      title: "No tries left",
      text: `Too many wrong codes were typed. ${nothing} Start again to get a new code.`,
      again: "Start again",
      tone: "problem",
    };
  }
  return {
    title: "We could not reach you",
    text: `No message got through to your phone or number. ${nothing} Check that your phone is on, then start again.`,
    again: "Start again",
    tone: "problem",
  };
}

function blocked(reason: StatusBody["reason"]): Ending {
  const whys: Record<string, string> = {
    account_locked: "Too many wrong codes were typed lately, so codes are paused for this account.",
    fraud_rule: "The last sign-in was reported as not yours, so new ones have to wait.",
  };
  const text =
    whys[reason ?? ""] ?? "There were too many requests in a short time, so nothing was sent.";
  return {
    title: "This sign-in was held back",
    text: `${text} Your account is safe. Wait a while, then start again.`,
    again: "Start again",
    tone: "problem",
  };
}

/** How the person was recognised, for the page after it. */
export function methodWords(method: string | null | undefined): string {
  switch (method) {
    case "app":
      return "Approved on your phone";
    case "sms_code":
      return "Confirmed by the code from your SMS";
    case "voice_code":
      return "Confirmed by the code from your call";
    case "email_code":
      return "Confirmed by the code from your e-mail";
    case "trusted_device":
      return "Recognised from before";
    default:
      return "Confirmed";
  }
}

/** What a screen reader hears of the result, at once. */
export function resultSpoken(status: StatusBody | null): string {
  if (!status || status.status === "pending") return "";
  if (status.status === "approved") return "Approved. You are being signed in.";
  const ending = endingOf(status);
  return `${ending.title}. ${ending.text}`;
}

// When codes can be typed again.
function lockedWords(lockedUntil: number | null, now: number): string {
  if (lockedUntil === null) return "Codes are paused for now.";
  return `You can type a code again in ${inWords(Math.max(1, secondsUntil(lockedUntil, now)))}.`;
}
