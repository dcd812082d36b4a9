import type { Prompt } from "../../sdk";

/** The ways of a message that the person reads or hears themselves. */
export type Told = "sms" | "voice" | "email";

/** What the demo's network brings to this phone. */
export interface Delivered {
  id: string;
  channel: "push" | Told;
  text?: string;
  title?: string;
  body?: string;
  data?: Record<string, string>;
  at: string;
}

/** A line on the locked screen. Requests stay generic: a locked screen is read by anybody. */
export type Notification =
  | { kind: "request"; key: string; verificationId: string; at: number; push: Delivered | null }
  | { kind: "text"; key: string; channel: Told; text: string; code: string | null; at: number };

const requestLife = 120_000;
const textLife = 600_000;

/**
 * What the locked screen shows, newest first: each open request once, however
 * it came, and the texts and calls while there is signal; mails come anyhow.
 */
export function notifications(
  prompts: Prompt[],
  delivered: Delivered[],
  seen: ReadonlySet<string>,
  signal: boolean,
  now: number,
): Notification[] {
  const requests = new Map<string, Notification>();
  for (const push of delivered.filter((d) => d.channel === "push")) {
    const id = push.data?.verification_id;
    const at = Date.parse(push.at);
    if (!id || seen.has(id) || now - at > requestLife) continue;
    requests.set(id, { kind: "request", key: id, verificationId: id, at, push });
  }
  for (const p of prompts) {
    const at = requests.get(p.verificationId)?.at ?? now;
    const id = p.verificationId;
    requests.set(id, { kind: "request", key: id, verificationId: id, at, push: null });
  }
  const texts = delivered.flatMap<Notification>((d) => {
    if (d.channel === "push" || now - Date.parse(d.at) >= textLife) return [];
    if (!signal && d.channel !== "email") return [];
    return {
      kind: "text",
      key: d.id,
      channel: d.channel,
      text: d.text ?? "",
      code: codeIn(d.text ?? ""),
      at: Date.parse(d.at),
    };
  });
  return [...requests.values(), ...texts].sort((a, b) => b.at - a.at);
}

/** The code in a text as a phone finds it; null when there is none. */
export function codeIn(text: string): string | null {
  return text.match(/(?<![\d+])\d{4,8}(?!\d)/)?.[0] ?? null;
}

/** Adds a message once; the stream may tell it again after a break. */
export function addDelivered(list: Delivered[], message: Delivered): Delivered[] {
  return list.some((known) => known.id === message.id) ? list : [...list, message].slice(-20);
}

/** What the person reads after an answer, or when a request went away. */
export interface Outcome {
  title: string;
  text: string;
  tone: "good" | "plain" | "problem";
}

/** The three answers to a request. */
export type Decision = "approve" | "deny" | "report";

/** The words of an app that was opened while nobody asks. */
export const noRequests: Outcome = {
  title: "No requests waiting",
  text: "When you sign in somewhere, the request appears here.",
  tone: "plain",
};

/** The words after the person's own answer. */
export function answered(
  decision: Decision,
  accepted: boolean,
  reason: string | null | undefined,
): Outcome {
  if (!accepted) return refused(reason);
  switch (decision) {
    case "approve":
      return {
        title: "Approved",
        text: "You can go back to the page: you are signed in there.",
        tone: "good",
      };
    case "deny":
      return { title: "Denied", text: "Nobody was signed in.", tone: "plain" };
    case "report":
      return {
        title: "Thank you for telling us",
        text: "Nobody was signed in. New sign-ins are held back for 15 minutes, and your bank can see it.",
        tone: "plain",
      };
  }
}

function refused(reason: string | null | undefined): Outcome {
  if (reason === "wrong_number") {
    return {
      title: "That number did not match",
      text: "The page shows another number, so this request was closed and nobody was signed in. Start again on the page. If you did not start it, leave it: you are safe.",
      tone: "problem",
    };
  }
  return closed(reason ?? "gone");
}

/** The words for a request that ended without this phone's answer. */
export function closed(reason: string): Outcome {
  switch (reason) {
    case "approved":
    case "code_used":
      return {
        title: "Already answered",
        text: "It was confirmed another way. There is nothing left to do here.",
        tone: "plain",
      };
    case "denied":
      return {
        title: "Already refused",
        text: "It was refused on another phone. Nobody was signed in.",
        tone: "plain",
      };
    case "superseded":
      return {
        title: "There is a newer request",
        text: "The sign-in was started again. Answer the new request instead.",
        tone: "plain",
      };
    case "canceled":
      return {
        title: "Canceled on the page",
        text: "Nobody was signed in. There is nothing to do here.",
        tone: "plain",
      };
    case "gone":
      return {
        title: "This request has ended",
        text: "It was answered another way, or it ran out. Start again on the page if you still want to sign in.",
        tone: "plain",
      };
    default:
      return {
        title: "This request has ended",
        text: "It ran out before it was answered. Nobody was signed in. Start again on the page if it was you.",
        tone: "plain",
      };
  }
}

const browsers: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\/|FxiOS/, "Firefox"],
  [/HeadlessChrome|Chrome\/|CriOS/, "Chrome"],
  [/Safari\//, "Safari"],
  [/curl\//, "curl"],
];

const systems: [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Mac OS X|Macintosh/, "Mac"],
  [/Windows/, "Windows"],
  [/CrOS/, "Chromebook"],
  [/Linux/, "Linux"],
];

/** "Chrome on Mac" from a browser's own description; null when it says nothing known. */
export function browserWords(userAgent: string | null | undefined): string | null {
  const find = (list: [RegExp, string][]) =>
    list.find(([pattern]) => pattern.test(userAgent ?? ""))?.[1];
  const browser = find(browsers);
  const system = find(systems);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? null;
}
