import type { StatusBody } from "../sdk";
import type { Say } from "./texts";
import { clock } from "./time";
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
export function railSteps(
  say: Say,
  body: StatusBody,
  tracks: Track[],
  fallback: Fallback | null,
): Step[] {
  return [
    { kind: "app", ...appStep(say, body, speaker(tracks, "websocket"), tracks) },
    { kind: "push", ...pushStep(say, body, speaker(tracks, "push"), tracks, fallback) },
    codeStep(say, body, newestCode(tracks) ?? tracks.findLast(isCode), fallback),
  ];
}

const codes: readonly string[] = ["sms", "voice", "email"] satisfies Coded[];

/** The delivery of the newest code, if one was sent; one that was held back is none. */
export function newestCode(tracks: Track[]): CodeTrack | undefined {
  return sentOf(tracks).findLast(isCode);
}

/** What was sent of all that was to be: a rule may have held something back. */
export function sentOf(tracks: Track[]): Track[] {
  return tracks.filter(({ state }) => state !== "suppressed");
}

const isCode = (track: Track): track is CodeTrack => codes.includes(track.channel);

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

/**
 * Whether a request waits that no phone was rung for, since the person refused or ignored several
 * in a row. An app that is opened finds it.
 */
export function unrung(body: StatusBody, tracks: Track[]): boolean {
  const asked = [speaker(tracks, "websocket"), speaker(tracks, "push")].filter(Boolean);
  return (
    body.status === "pending" &&
    Boolean(body.prompt_expires_at) &&
    asked.length > 0 &&
    asked.every((track) => track?.state === "suppressed")
  );
}

function appStep(say: Say, body: StatusBody, track: Track | undefined, all: Track[]): Said {
  if (!track) {
    if (body.status !== "pending") return quiet(say("rail.not_needed"));
    return all.length === 0 ? active(say("rail.app.looking")) : quiet(say("rail.not_asked"));
  }
  return (
    onPhone(say, body, track) ??
    byState(say, track, {
      waiting: active(say("rail.app.looking")),
      accepted: active(say("rail.app.asking")),
      delivered: active(say("rail.app.there")),
      lost: failed(say("rail.app.away")),
      held: quiet(say("rail.unrung")),
    })
  );
}

function pushStep(
  say: Say,
  body: StatusBody,
  track: Track | undefined,
  all: Track[],
  fallback: Fallback | null,
): Said {
  if (!track) {
    if (body.status !== "pending") return quiet(say("rail.not_needed"));
    if (fallback?.channel === "push") {
      return quiet(say("rail.push.soon", { time: clock(say, fallback.seconds) }));
    }
    if (outOfReach(body, all)) return failed(say("rail.push.off"));
    const alone = all.length > 0 && !speaker(all, "websocket");
    if (alone || unrung(body, all)) return quiet(say("rail.not_asked"));
    return quiet(say("rail.push.if_needed"));
  }
  return (
    onPhone(say, body, track) ??
    byState(say, track, {
      waiting: active(say("rail.push.sending")),
      accepted: active(say("rail.push.sent")),
      delivered: active(say("rail.push.there")),
      lost: failed(say(track.class === "permanent_target" ? "rail.push.off" : "rail.push.lost")),
      held: quiet(say("rail.unrung")),
    })
  );
}

const coded: Record<string, Coded> = {
  sms_code: "sms",
  voice_code: "voice",
  email_code: "email",
};

function codeStep(
  say: Say,
  body: StatusBody,
  track: CodeTrack | undefined,
  fallback: Fallback | null,
): Step {
  const typed = coded[body.method ?? ""];
  if (typed) return { kind: typed, ...done(say("rail.code_typed")) };
  if (track) return { kind: track.channel, ...sentStep(say, body, track) };
  if (isLocked(body)) return { kind: "sms", ...failed(say("code.locked")) };
  const call = fallback?.channel === "voice" && body.status === "pending";
  return { kind: call ? "voice" : "sms", ...unsentStep(say, body, fallback) };
}

// Too many wrong codes: none is sent or taken. A sign-in that began under the lock only tells its end.
function isLocked({ status, stage, locked_until }: StatusBody): boolean {
  return status === "pending" && (stage === "locked" || Boolean(locked_until));
}

function unsentStep(say: Say, body: StatusBody, fallback: Fallback | null): Said {
  if (body.status !== "pending") return quiet(say("rail.not_needed"));
  if (fallback && fallback.channel !== "push") {
    return quiet(say(`rail.${fallback.channel}.soon`, { time: clock(say, fallback.seconds) }));
  }
  return quiet(say(body.phone_number ? "rail.sms.if_needed" : "rail.sms.no_number"));
}

function sentStep(say: Say, body: StatusBody, track: CodeTrack): Said {
  const { channel, state } = track;
  if (isLocked(body)) return failed(say("code.locked"));
  if (state === "unknown") return failed(say("rail.unknown"));
  if (body.stage === "awaiting_resend" && ["accepted", "delivered"].includes(state)) {
    return failed(say("rail.code_over"));
  }
  const sending =
    channel === "sms" && body.phone_number
      ? say("rail.sms.sending_to", { number: body.phone_number })
      : say(`rail.${channel}.sending`);
  return byState(say, track, {
    waiting: active(sending),
    accepted: active(say(`rail.${channel}.sent`)),
    delivered: active(say(`rail.${channel}.there`)),
    lost: failed(say(`rail.${channel}.lost`)),
    held: failed(say("rail.held")),
  });
}

// What a phone did with a request reads the same, whichever way it came.
function onPhone(say: Say, body: StatusBody, track: Track): Said | null {
  const over = body.status === "pending" && !body.prompt_expires_at;
  if (over && ["accepted", "delivered", "displayed"].includes(track.state)) {
    return failed(say("rail.no_answer"));
  }
  if (track.state === "displayed") {
    return (body.status === "pending" ? active : quiet)(say("rail.shown"));
  }
  if (track.state !== "responded") return null;
  const stands = body.status === "approved" || body.status === "pending";
  return (stands ? done : failed)(say("rail.answered"));
}

function byState(
  say: Say,
  track: Track,
  words: Record<"waiting" | "accepted" | "delivered" | "lost" | "held", Said>,
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
      return failed(say("rail.no_answer"));
    case "canceled":
      return quiet(say("rail.no_longer"));
    case "suppressed":
      return words.held;
    default:
      return words.lost;
  }
}
