import { isTerminal, type StatusBody, type Tick } from "./protocol.ts";

/** A tick older than this says nothing about now: the page slept or the connection is gone. */
const FRESH_MS = 1_500;

/** Whole seconds left, rounded up; 0 is now or over, null means that there is no such timer. */
export interface Countdowns {
  /** Until the request on the phone ends. */
  prompt: number | null;
  /** Until the code ends. */
  code: number | null;
  /** Until another message may be asked for. */
  resend: number | null;
  /** Until the whole verification ends. */
  session: number | null;
  /** Until a text message can go out or goes out by itself. */
  sms: number | null;
  /** The same for a push. */
  push: number | null;
  /** The same for a call. */
  voice: number | null;
  /** Until a code can be tried. */
  check: number | null;
}

/** Nothing runs. */
export const NO_COUNTDOWNS: Countdowns = {
  prompt: null,
  code: null,
  resend: null,
  session: null,
  sms: null,
  push: null,
  voice: null,
  check: null,
};

/** Whole seconds until a deadline, rounded up, never below 0. */
export function secondsUntil(deadline: number, now: number): number {
  return Math.max(0, Math.ceil((deadline - now) / 1000));
}

/**
 * What is left of every timer at `serverNow` (epoch milliseconds on the server's clock). A fresh
 * tick is repeated as it is; without one (hidden tab, sleep, no connection) the absolute times of
 * the status decide, so a countdown never stands still and never counts sleep as waiting. Nothing
 * is ever more than the status told: a clock that is behind it is wrong.
 */
export function countdowns(
  status: StatusBody | null,
  tick: Tick | null,
  serverNow: number,
): Countdowns {
  if (!status || isTerminal(status.status)) return NO_COUNTDOWNS;
  const age = tick ? serverNow - Date.parse(tick.server_time) : Number.POSITIVE_INFINITY;
  const fresh = tick && age < FRESH_MS ? tick : null;
  const told = Date.parse(status.server_time);
  const now = Math.max(serverNow, told);
  const until = (time: string | null | undefined): number | null =>
    time ? secondsUntil(Date.parse(time), now) : null;
  const after = (seconds: number | null | undefined): number | null =>
    seconds === null || seconds === undefined ? null : secondsUntil(told + seconds * 1000, now);
  const next = status.next_actions;
  return {
    prompt: fresh?.prompt_in ?? until(status.prompt_expires_at),
    code: fresh?.expires_in ?? until(status.expires_at),
    resend: fresh?.resend_in ?? until(status.next_resend_at),
    session: fresh?.session_in ?? until(status.session_expires_at),
    sms: after(next?.sms_in),
    push: after(next?.push_in),
    voice: after(next?.voice_in),
    check: after(next?.check_in),
  };
}
