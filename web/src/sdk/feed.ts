import { backoff } from "./backoff.ts";
import { type CloseReason, STOPPED } from "./closereason.ts";
import { Connection, type ConnectionState } from "./connection.ts";
import { NodError } from "./errors.ts";
import { type FollowOptions, followPolls, followStream, pause } from "./followers.ts";
import type { Frame } from "./protocol.ts";
import { type Rest, socketUrl } from "./rest.ts";
import { ownSocket, type SocketConstructor } from "./socket.ts";

/** Failed tries before the first fallback: one may be chance. */
const PATIENCE = 2;
/** A network that blocks WebSockets is not asked about them again for so long. */
const BLOCKED_MS = 5 * 60_000;
/** Ticks come every second while a verification is pending. */
const SILENCE_MS = 15_000;
/** Without a WebSocket a network cannot be probed: after so long without news it is asked anew. */
const STALE_MS = 5_000;

/** How the news arrive at present. */
export type Transport = "websocket" | "sse" | "poll";

/** What a feed needs, and whom it tells. */
export interface FeedOptions {
  rest: Rest;
  verificationId: string;
  clientSecret: string;
  webSocket?: SocketConstructor;
  random?: () => number;
  lastSeq(): number | null;
  onFrame(frame: Frame): void;
  onChange(change: FeedChange): void;
}

/** The state of a feed. */
export interface FeedChange {
  connection: ConnectionState;
  transport: Transport | null;
  closed: CloseReason | null;
}

/**
 * The frames of one verification by whatever way the network lets through: WebSocket, else an
 * event stream, else long polls. Each new try begins with the best way that is not known to be
 * blocked; only a refusal of the credential ends it.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #connection: Connection;
  readonly #hasSocket: boolean;
  #running: AbortController | null = null;
  #wait: AbortController | null = null;
  #following: AbortController | null = null;
  #heardAt = 0;
  #patience = PATIENCE;
  #blockedUntil = 0;
  #attempt = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
    const webSocket = options.webSocket ?? ownSocket();
    this.#hasSocket = webSocket !== null;
    this.#connection = new Connection({
      url: socketUrl(options.rest.baseUrl),
      ...(webSocket ? { webSocket } : {}),
      random: options.random,
      silence: { afterMs: () => SILENCE_MS },
      authenticate: () => {
        const lastSeq = options.lastSeq();
        return {
          client_secret: options.clientSecret,
          ...(lastSeq === null ? {} : { last_seq: lastSeq }),
        };
      },
    });
    this.#connection.on("welcome", (data) => options.onFrame({ type: "welcome", data }));
    this.#connection.on("frame", (frame) => options.onFrame(frame));
    this.#connection.on("state", ({ state, reason, failures }) => {
      if (!this.#running) return;
      if (state === "open") this.#patience = PATIENCE;
      if (state === "closed") {
        if (reason !== STOPPED) this.#finish(reason ?? STOPPED);
      } else if (failures >= this.#patience) {
        void this.#goWithout(this.#running.signal);
      } else {
        this.#tell(state, state === "open" ? "websocket" : null);
      }
    });
  }

  /** Begins to follow. Does nothing while it runs. */
  start(): void {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#patience = PATIENCE;
    this.#attempt = 0;
    this.#tell("connecting", null);
    this.#connect(this.#running.signal);
  }

  /** Ends it; nothing is left running. */
  stop(reason: CloseReason = STOPPED): void {
    if (this.#running) this.#finish(reason);
  }

  /** Drops the present way and begins again after the last seen event. */
  restart(): void {
    if (!this.#running) return;
    this.#running.abort();
    this.#connection.stop();
    this.#running = null;
    this.start();
  }

  /** Someone looks again: no more waiting. */
  wake(): void {
    this.#wait?.abort();
    if (Date.now() - this.#heardAt > STALE_MS) this.#following?.abort();
    this.#connection.wake();
  }

  // Runs until the WebSocket is worth another try, or for good.
  async #goWithout(signal: AbortSignal): Promise<void> {
    this.#connection.stop();
    this.#blockedUntil = Date.now() + BLOCKED_MS;
    this.#tell("connecting", null);
    while (!signal.aborted && Date.now() < this.#blockedUntil) {
      let wait = 0;
      try {
        const worked = (await this.#follow("sse", signal)) || (await this.#follow("poll", signal));
        // Nothing gets through at all: that is an outage, no blocked WebSocket.
        if (!worked) this.#blockedUntil = 0;
      } catch (error) {
        if (signal.aborted) return;
        const refusal = finalReason(error);
        if (refusal) {
          this.#finish(refusal);
          return;
        }
        wait = error instanceof NodError ? (error.retryAfter ?? 0) * 1000 : 0;
        if (error instanceof NodError && error.status === 0) this.#blockedUntil = 0;
      }
      if (signal.aborted) return;
      this.#tell("connecting", null);
      await this.#rest(Math.max(wait, backoff(this.#attempt++, this.#random())), signal);
    }
    if (signal.aborted) return;
    this.#patience = 1;
    this.#connect(signal);
  }

  // A runtime without WebSockets is like a network without them.
  #connect(signal: AbortSignal): void {
    if (this.#hasSocket) this.#connection.start();
    else void this.#goWithout(signal);
  }

  // True when at least one frame came this way.
  async #follow(transport: "sse" | "poll", signal: AbortSignal): Promise<boolean> {
    let worked = false;
    this.#heardAt = Date.now(); // a way that was only just taken is not stale
    const options: Omit<FollowOptions, "signal"> = {
      rest: this.#options.rest,
      verificationId: this.#options.verificationId,
      clientSecret: this.#options.clientSecret,
      lastSeq: this.#options.lastSeq,
      onFrame: (frame) => {
        if (signal.aborted) return;
        this.#heardAt = Date.now();
        if (!worked) {
          worked = true;
          this.#attempt = 0;
          this.#tell("open", transport);
        }
        this.#options.onFrame(frame);
      },
    };
    try {
      await below(signal, async (following) => {
        this.#following = following;
        const all = { ...options, signal: following.signal };
        if (transport === "sse") await followStream(all);
        else await followPolls(all, this.#blockedUntil);
      });
    } catch (error) {
      // A stream that cannot be had is what polls are for; their failure is the last word.
      if (transport === "poll" || finalReason(error)) throw error;
    }
    return worked;
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    await below(signal, async (wait) => {
      this.#wait = wait;
      await pause(ms, wait.signal);
      this.#wait = null;
    });
  }

  #finish(reason: CloseReason): void {
    this.#running?.abort();
    this.#running = null;
    this.#connection.stop();
    this.#options.onChange({ connection: "closed", transport: null, closed: reason });
  }

  #tell(connection: ConnectionState, transport: Transport | null): void {
    if (this.#running) this.#options.onChange({ connection, transport, closed: null });
  }

  #random(): number {
    return (this.#options.random ?? Math.random)();
  }
}

// Work that may be ended by itself, and ends with what is above it.
async function below(above: AbortSignal, work: (own: AbortController) => Promise<void>) {
  if (above.aborted) return;
  const own = new AbortController();
  const end = () => own.abort();
  above.addEventListener("abort", end, { once: true });
  try {
    await work(own);
  } finally {
    above.removeEventListener("abort", end);
  }
}

// A real refusal of the server, not the error page of a proxy on the way.
function finalReason(error: unknown): CloseReason | null {
  if (!(error instanceof NodError) || error.code === "bad_answer") return null;
  const final = [401, 403, 404, 410].includes(error.status);
  return final ? { kind: "unauthenticated", code: error.status, final: true } : null;
}
