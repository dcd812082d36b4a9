import type { Attempt, StatusBody } from "../sdk";
import type { IconName } from "../theme/Icon";
import { isPlainKey, type PlainKey } from "./texts";

/** One line of what happened so far. */
export interface Tried {
  at: string;
  what: PlainKey;
  icon: IconName;
  /** How it went, in words beside a sign of the same. */
  how: PlainKey;
  tone: "open" | "good" | "bad" | "quiet";
}

const sends = ["send", "resend"];

/**
 * The attempts of a status body, oldest first, as lines for people. The history comes with answers,
 * the states of the deliveries with every event, so the newer of both is told: the n-th send is the
 * n-th delivery.
 */
export function triedLines(status: StatusBody): Tried[] {
  const history = status.attempt_history ?? [];
  const deliveries = status.deliveries ?? [];
  let place = 0;
  const lines = history.map((attempt): Tried => {
    const delivery = sends.includes(attempt.kind) ? deliveries[place++] : undefined;
    const same = delivery && delivery.channel === attempt.channel;
    return lineOf(same ? { ...attempt, status: delivery.state } : attempt);
  });
  // What was sent since the history came.
  const since = deliveries
    .slice(place)
    .map(({ at, channel, state }) =>
      lineOf({ at, kind: place > 0 ? "resend" : "send", channel, status: state }),
    );
  return [...lines, ...since];
}

function lineOf({ at, kind, channel, status }: Attempt): Tried {
  const [how, tone] = outcomes[status ?? ""] ?? (["tried.waiting", "open"] as const);
  if (kind === "check") return { at, what: "tried.check", icon: "lock", how, tone };
  const name = `tried.${channel}${kind === "resend" ? "_again" : ""}`;
  return {
    at,
    what: isPlainKey(name) ? name : "tried.sms",
    icon: icons[channel ?? ""] ?? "sms",
    how,
    tone,
  };
}

const icons: Record<string, IconName> = {
  sms: "sms",
  voice: "voice",
  email: "email",
  push: "push",
  websocket: "app",
};

const outcomes: Record<string, readonly [PlainKey, Tried["tone"]]> = {
  queued: ["tried.waiting", "open"],
  leased: ["tried.waiting", "open"],
  sending: ["tried.waiting", "open"],
  retrying: ["tried.waiting", "open"],
  accepted: ["tried.accepted", "good"],
  delivered: ["tried.delivered", "good"],
  displayed: ["tried.displayed", "good"],
  responded: ["tried.responded", "good"],
  unknown: ["tried.unknown", "quiet"],
  undelivered: ["tried.lost", "bad"],
  failed: ["tried.lost", "bad"],
  suppressed: ["tried.held", "bad"],
  canceled: ["tried.unneeded", "quiet"],
  expired: ["tried.expired", "quiet"],
  rejected: ["tried.refused", "bad"],
  correct: ["tried.correct", "good"],
  wrong: ["tried.wrong", "bad"],
};
