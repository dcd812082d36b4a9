import { NodError } from "./errors.ts";
import { readEvents } from "./eventstream.ts";
import type { Frame, StatusBody } from "./protocol.ts";
import type { Rest } from "./rest.ts";

/** A stream that says nothing for so long is dead or held back by a proxy; ticks come every second. */
const STREAM_SILENCE_MS = 15_000;
/** The longest that the server holds a poll open. */
const POLL_WAIT_SECONDS = 25;
/** Between two polls that were answered at once. */
const POLL_PAUSE_MS = 1_000;

/** What both ways without a WebSocket need. */
export interface FollowOptions {
  rest: Rest;
  verificationId: string;
  clientSecret: string;
  /** The last event that was seen. */
  lastSeq(): number | null;
  onFrame(frame: Frame): void;
  signal: AbortSignal;
}

/**
 * Follows a verification as Server-Sent Events, read with `fetch` so that the secret travels in a
 * header. Returns when the stream ends; throws a NodError.
 */
export async function followStream(options: FollowOptions): Promise<void> {
  const { rest, verificationId, signal } = options;
  const lastSeq = options.lastSeq();
  const abort = new AbortController();
  const stop = () => abort.abort();
  signal.addEventListener("abort", stop, { once: true });
  let silence = setTimeout(stop, STREAM_SILENCE_MS);
  try {
    const response = await rest.open("GET", `/api/v1/verifications/${verificationId}/events`, {
      headers: {
        accept: "text/event-stream",
        "nod-client-secret": options.clientSecret,
        ...(lastSeq === null ? {} : { "last-event-id": String(lastSeq) }),
      },
      signal: abort.signal,
    });
    if (!response.body) return;
    for await (const message of readEvents(response.body)) {
      clearTimeout(silence);
      silence = setTimeout(stop, STREAM_SILENCE_MS);
      const frame = frameOf(message.event, message.data, message.id);
      if (frame) options.onFrame(frame);
    }
  } catch (error) {
    if (error instanceof NodError && !abort.signal.aborted) throw error;
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Follows a verification by asking again and again; the server holds each question until something
 * changes. Returns after `signal` or at `until` (epoch milliseconds); throws a NodError.
 */
export async function followPolls(options: FollowOptions, until: number): Promise<void> {
  const { rest, verificationId, signal } = options;
  const headers = { "nod-client-secret": options.clientSecret };
  // The first question is answered at once, so that the page knows where it stands.
  let known: number | null = null;
  while (!signal.aborted && Date.now() < until) {
    const query = new URLSearchParams({ verification_id: verificationId });
    if (known !== null) {
      query.set("wait", String(POLL_WAIT_SECONDS));
      query.set("since_seq", String(known));
    }
    const askedAt = Date.now();
    const status: StatusBody = await rest.call(
      "GET",
      `/api/onboarding/verification-status?${query}`,
      { headers, signal, timeoutMs: (POLL_WAIT_SECONDS + 15) * 1000 },
    );
    if (!status.verification_id) throw gone();
    options.onFrame({ type: "snapshot", data: status });
    const unchanged = status.seq === known && Date.now() - askedAt < POLL_PAUSE_MS;
    if (unchanged) await pause(POLL_PAUSE_MS, signal);
    known = status.seq;
  }
}

/** Waits; ends early, without a throw, when `signal` does. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

function gone(): NodError {
  return new NodError({
    code: "not_found",
    title: "There is no such request",
    detail: "This request is not known any more. Please start again.",
    status: 404,
  });
}

function frameOf(event: string, data: string, id: string): Frame | null {
  try {
    const seq = Number.parseInt(id, 10);
    return { type: event, data: JSON.parse(data), ...(Number.isNaN(seq) ? {} : { seq }) };
  } catch {
    return null;
  }
}
