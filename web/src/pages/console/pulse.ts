import { count, many, percent, share, took } from "./numbers";

/** One channel in the hour that runs. */
export interface ChannelNow {
  channel: string;
  accepted: number;
  delivered: number;
  failed: number;
  approved: number;
}

/** One of the last hours. */
export interface HourOutline {
  at: string;
  started: number;
  approved: number;
  sends: number;
}

/** What waits in the store. */
export interface Queue {
  due: number;
  oldest_seconds: number;
  webhooks: number;
  webhooks_oldest_seconds: number;
}

/**
 * The whole deployment in this hour, once a second. Without analytics it is the queue alone, and
 * before the store has answered once it is nothing at all.
 */
export interface Pulse {
  server_time: string;
  /** Whether anything is counted. */
  enabled: boolean;
  /** The store has not answered: this was so at `server_time`. */
  stale?: boolean;
  queue?: Queue;
  hour?: {
    started: number;
    approved: number;
    denied: number;
    failed: number;
    expired: number;
    resends: number;
  };
  /** The same hour of other days. */
  usual?: { days: number; success: number | null; started: number | null };
  median_seconds?: number | null;
  /** Of the sign-ins that were approved in the last 24 hours. */
  without_sms?: number | null;
  sends?: ChannelNow[];
  /** The last 24, this one last; now and then. */
  hours?: HourOutline[];
}

/** A pulse that knows what was counted. */
export type Counted = Pulse & Required<Pick<Pulse, "hour" | "usual" | "sends">>;

/** Whether a pulse knows what was counted. */
export function isCounted(pulse: Pulse | null): pulse is Counted {
  return Boolean(pulse?.hour && pulse.usual && pulse.sends);
}

/** One number with the words below it. */
export interface Told {
  /** Null while it is not known yet. */
  value: string | null;
  note: string;
  /** It needs somebody's eye; the words say so as well. */
  bad?: boolean;
  /** It was judged, and is as it should be. */
  good?: boolean;
}

// Fewer say nothing of how the hour goes; so many points below are somebody's to look at.
const ENOUGH = 30;
const POINTS = 5;

/**
 * Success now beside the same hour of other days. Those `begun` just now can still answer: they are
 * left out, or every rush would look like a fall.
 */
export function successNow({ hour, usual }: Counted, begun: number): Told {
  const asked = Math.max(0, hour.started - begun);
  const success = share(Math.min(hour.approved, asked), asked);
  const value = percent(success);
  if (usual.success === null) {
    const note = hour.started > 0 ? "no other day to compare with yet" : "nobody has asked yet";
    return { value, note };
  }
  const usually = percent(usual.success);
  if (success === null) return { value, note: `usually ${usually}` };
  if (asked < ENOUGH) return { value, note: `of ${count(asked)}; usually ${usually}` };
  const points = Math.round(success * 100) - Math.round(usual.success * 100);
  const note =
    points === 0
      ? `as usual at this hour (${many(usual.days, "day")})`
      : `${many(Math.abs(points), "point")} ${points > 0 ? "above" : "below"} the usual ${usually}`;
  return { value, note, bad: points <= -POINTS, good: points > -POINTS };
}

/** How many sign-ins and numbers were asked about in this hour. */
export function startedNow({ hour, usual }: Counted): Told {
  const note =
    usual.started === null ? "since the full hour" : `usually ${count(usual.started)} by its end`;
  return { value: count(hour.started), note };
}

/** What ended otherwise than by an approval in this hour. */
export function lostNow({ hour: { denied, failed, expired } }: Counted): Told {
  const parts = [
    denied > 0 && `${count(denied)} refused`,
    failed > 0 && `${count(failed)} failed`,
    expired > 0 && `${count(expired)} ran out`,
  ].filter((part) => part !== false);
  return {
    value: count(denied + failed + expired),
    note: parts.length > 0 ? parts.join(", ") : "none refused, failed or ran out",
  };
}

const LATE_SECONDS = 10;

/** What waits to be sent, and whether it has waited too long. */
export function queueNow(queue: Queue | undefined): Told {
  if (!queue) return { value: null, note: "" };
  const { due, oldest_seconds, webhooks, webhooks_oldest_seconds } = queue;
  const late = oldest_seconds >= LATE_SECONDS;
  const parts = [
    due > 0 ? `${late ? "late: the " : ""}oldest ${took(oldest_seconds)}` : "nothing waits",
    webhooks > 0 && `${many(webhooks, "webhook")} ${took(webhooks_oldest_seconds)}`,
  ];
  return { value: count(due), note: parts.filter(Boolean).join(", "), bad: late };
}
