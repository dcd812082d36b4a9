import type { StatusBody } from "../sdk";
import { speaker, type Track } from "./tracks";

/** How a step of the rail looks: not started, under way, answered, or no way. */
type StepState = "quiet" | "active" | "done" | "failed";

/** One step of the rail with the plain sentence under its name. */
export interface Step {
  /** The last step is whichever way the code takes. */
  kind: "app" | "push" | Coded;
  state: StepState;
  sentence: string;
}

/** What the ladder will do by itself, and in how many seconds. */
export interface Fallback {
  channel: "push" | "sms" | "voice";
  seconds: number;
}

type Coded = "sms" | "voice" | "email";

type CodeTrack = Track & { channel: Coded };

type Said = Omit<Step, "kind">;

const quiet = (sentence: string): Said => ({ state: "quiet", sentence });
const active = (sentence: string): Said => ({ state: "active", sentence });
const done = (sentence: string): Said => ({ state: "done", sentence });
const failed = (sentence: string): Said => ({ state: "failed", sentence });

/**
 * The three steps of a verification, from its deliveries: how far each channel
 * has come, in words a person understands.
 */
export function railSteps(body: StatusBody, tracks: Track[], fallback: Fallback | null): Step[] {
  return [
    { kind: "app", ...appStep(body, speaker(tracks, "websocket"), tracks) },
    { kind: "push", ...pushStep(body, speaker(tracks, "push"), tracks, fallback) },
    codeStep(body, newestCode(tracks), fallback),
  ];
}

/** The delivery of the newest code, if one was sent. */
export function newestCode(tracks: Track[]): CodeTrack | undefined {
  return tracks.findLast((track): track is CodeTrack => track.channel in sendings);
}

const lost = ["undelivered", "failed"];

/**
 * Whether the request can come to no phone by itself as things stand: no app is connected, and
 * no notification is on its way or will be. An app that is opened still finds it.
 */
export function outOfReach(body: StatusBody, tracks: Track[]): boolean {
  const app = speaker(tracks, "websocket");
  const push = speaker(tracks, "push");
  return (
    body.status === "pending" &&
    Boolean(body.prompt_expires_at) &&
    body.fallback?.channel !== "push" &&
    app !== undefined &&
    lost.includes(app.state) &&
    (push === undefined || lost.includes(push.state))
  );
}

function appStep(body: StatusBody, track: Track | undefined, all: Track[]): Said {
  if (!track) {
    if (body.status !== "pending") return quiet("Not needed this time");
    return all.length === 0 ? active("Looking for your phone") : quiet("Not asked this time");
  }
  return (
    onPhone(body, track) ??
    byState(track, {
      waiting: active("Looking for your phone"),
      accepted: active("Asking your phone"),
      delivered: active("Your phone has the request"),
      lost: failed("Your app is not connected"),
    })
  );
}

function pushStep(
  body: StatusBody,
  track: Track | undefined,
  all: Track[],
  fallback: Fallback | null,
): Said {
  if (!track) {
    if (body.status !== "pending") return quiet("Not needed this time");
    if (fallback?.channel === "push") {
      return quiet(`No answer yet, sending a notification in ${fallback.seconds} s`);
    }
    if (outOfReach(body, all)) return failed("Notifications are off on your phone");
    if (all.length > 0 && !speaker(all, "websocket")) return quiet("Not asked this time");
    return quiet("Only if the app cannot be reached");
  }
  return (
    onPhone(body, track) ??
    byState(track, {
      waiting: active("Sending a notification"),
      accepted: active("Notification sent, open it on your phone"),
      delivered: active("Your phone has the notification"),
      lost: failed(
        track.class === "permanent_target"
          ? "Notifications are off on your phone"
          : "The notification did not get through",
      ),
    })
  );
}

const coded: Record<string, Coded> = {
  sms_code: "sms",
  voice_code: "voice",
  email_code: "email",
};

function codeStep(body: StatusBody, track: CodeTrack | undefined, fallback: Fallback | null): Step {
  const typed = coded[body.method ?? ""];
  if (typed) return { kind: typed, ...done("You typed the code") };
  if (track) return { kind: track.channel, ...sentStep(body, track) };
  const call = fallback?.channel === "voice" && body.status === "pending";
  return { kind: call ? "voice" : "sms", ...unsentStep(body, fallback) };
}

function unsentStep(body: StatusBody, fallback: Fallback | null): Said {
  if (body.status !== "pending") return quiet("Not needed this time");
  if (fallback?.channel === "sms") {
    return quiet(`No answer yet, sending an SMS in ${fallback.seconds} s`);
  }
  if (fallback?.channel === "voice") {
    return quiet(`No answer yet, calling you in ${fallback.seconds} s`);
  }
  return quiet(body.phone_number ? "Only if you need it" : "No number is on file");
}

const sendings: Record<Coded, Record<"waiting" | "accepted" | "delivered" | "lost", string>> = {
  sms: {
    waiting: "Sending an SMS",
    accepted: "Your code is on its way",
    delivered: "Your code has arrived",
    lost: "The SMS did not get through",
  },
  voice: {
    waiting: "Calling you",
    accepted: "We are calling you with a code",
    delivered: "The call has reached you",
    lost: "The call did not get through",
  },
  email: {
    waiting: "Sending an e-mail",
    accepted: "Your code is on its way",
    delivered: "Your code has arrived",
    lost: "The e-mail did not get through",
  },
};

function sentStep(body: StatusBody, track: CodeTrack): Said {
  if (track.state === "unknown") return failed("We cannot tell if it left, you may send it again");
  if (body.stage === "awaiting_resend" && ["accepted", "delivered"].includes(track.state)) {
    return failed("That code can no longer be used");
  }
  const { waiting, accepted, delivered, lost } = sendings[track.channel];
  const to = body.phone_number && track.channel === "sms" ? ` to ${body.phone_number}` : "";
  return byState(track, {
    waiting: active(`${waiting}${to}`),
    accepted: active(accepted),
    delivered: active(delivered),
    lost: failed(lost),
  });
}

// What a phone did with a request reads the same, whichever way it came.
function onPhone(body: StatusBody, track: Track): Said | null {
  const over = body.status === "pending" && !body.prompt_expires_at;
  if (over && ["accepted", "delivered", "displayed"].includes(track.state)) {
    return failed("No answer in time");
  }
  if (track.state === "displayed") {
    return body.status === "pending"
      ? active("Your phone has shown it")
      : quiet("Your phone has shown it");
  }
  if (track.state !== "responded") return null;
  return body.status === "approved" || body.status === "pending"
    ? done("Your phone has answered")
    : failed("Your phone has answered");
}

function byState(
  track: Track,
  words: { waiting: Said; accepted: Said; delivered: Said; lost: Said },
): Said {
  switch (track.state) {
    case "queued":
    case "leased":
    case "sending":
    case "retrying":
      return words.waiting;
    case "accepted":
      return words.accepted;
    case "delivered":
    case "displayed":
    case "responded":
      return words.delivered;
    case "expired":
      return failed("No answer in time");
    case "canceled":
    case "suppressed":
      return quiet("Not needed any more");
    default:
      return words.lost;
  }
}
