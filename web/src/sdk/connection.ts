import { type BackoffPolicy, backoff, DEFAULT_BACKOFF } from "./backoff.ts";
import { type CloseReason, closeReason, STOPPED } from "./closereason.ts";
import { Emitter } from "./emitter.ts";
import { type Challenge, Link, type LinkEnd, type Silence } from "./link.ts";
import type { Frame, Welcome } from "./protocol.ts";
import { globalSocket, type SocketConstructor } from "./socket.ts";

/** A connection that stood this long was a good one: the pace starts over. */
const STABLE_MS = 10_000;

/** `connecting` covers the wait before the next try, too. */
export type ConnectionState = "connecting" | "open" | "closed";

/** What happened to a connection. */
export interface ConnectionChange {
  state: ConnectionState;
  /** Why it was lost or closed; null on the first try and while open. */
  reason: CloseReason | null;
  /** When the next try starts, in epoch milliseconds; null when one is under way. */
  retryAt: number | null;
  /** Tries in a row that never reached `welcome`. */
  failures: number;
}

/** What a connection tells. */
export interface ConnectionEvents {
  state: ConnectionChange;
  welcome: Welcome;
  /** Every frame after `welcome`, in order. */
  frame: Frame;
}

/** What a connection needs. */
export interface ConnectionOptions {
  /** `wss://…/ws`; see `socketUrl`. */
  url: string;
  /** Makes the data of `auth` for each new connection. A throw counts as a failed try. */
  authenticate(challenge: Challenge): Promise<object> | object;
  /** Without it only the operating system notices a dead network. */
  silence?: Silence;
  backoff?: BackoffPolicy;
  webSocket?: SocketConstructor;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
}

/**
 * A WebSocket that comes back: `closed → connecting ⇄ open`, and to `closed` by `stop()` or a
 * final refusal. Nothing is queued: a frame leaves now or `send` says that it did not, because
 * the server tells the present state again after every `welcome`.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events = new Emitter<ConnectionEvents>();
  readonly #now: () => number;
  #change: ConnectionChange = { state: "closed", reason: null, retryAt: null, failures: 0 };
  #link: Link | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #told = false; // the wait was asked for by the server: coming back early would defeat its spreading

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Listens; the answer ends that. */
  readonly on: Emitter<ConnectionEvents>["on"] = (name, listener) =>
    this.#events.on(name, listener);

  /** The state with its reason. */
  get change(): ConnectionChange {
    return this.#change;
  }

  /** The state alone. */
  get state(): ConnectionState {
    return this.#change.state;
  }

  /** Connects and stays connected. Does nothing while it runs. */
  start(): void {
    if (this.#change.state !== "closed") return;
    this.#attempt = 0;
    this.#change = { ...this.#change, reason: null, failures: 0 };
    this.#dial();
  }

  /** Closes and stays closed. */
  stop(reason: CloseReason = STOPPED): void {
    if (this.#change.state === "closed") return;
    clearTimeout(this.#retry);
    this.#link?.close();
    this.#link = null;
    this.#set("closed", reason, null);
  }

  /** Someone looks again (page shown, network back): tries at once, or asks for a sign of life. */
  wake(): void {
    if (this.#change.state === "open") this.#link?.probe();
    else if (this.#change.retryAt !== null && !this.#told) this.#dial();
  }

  /** Sends now; false when the connection is not open. */
  send(frame: Frame): boolean {
    return this.#link?.send(frame) ?? false;
  }

  /** Stops and forgets all listeners. */
  dispose(): void {
    this.stop();
    this.#events.clear();
  }

  #dial(): void {
    clearTimeout(this.#retry);
    const webSocket = this.#options.webSocket ?? globalSocket();
    try {
      this.#link = this.#connect(webSocket);
    } catch {
      // A browser refuses some addresses at once: `ws:` for a page of `https:`, for example.
      const reason = closeReason(1006, null);
      this.#lost({ reason, welcomedAt: null, reconnectAfterMs: null });
      return;
    }
    this.#set("connecting", this.#change.reason, null);
  }

  #connect(webSocket: SocketConstructor): Link {
    return new Link({
      url: this.#options.url,
      webSocket,
      now: this.#now,
      silence: this.#options.silence,
      authenticate: (challenge) => this.#options.authenticate(challenge),
      onWelcome: (welcome) => {
        this.#change = { ...this.#change, failures: 0 };
        this.#set("open", null, null);
        this.#events.emit("welcome", welcome);
      },
      onFrame: (frame) => this.#events.emit("frame", frame),
      onEnd: (end) => this.#lost(end),
    });
  }

  #lost(end: LinkEnd): void {
    this.#link = null;
    if (end.welcomedAt === null) {
      this.#change = { ...this.#change, failures: this.#change.failures + 1 };
    }
    if (end.reason.final) {
      this.#set("closed", end.reason, null);
      return;
    }
    const stable = end.welcomedAt !== null && this.#now() - end.welcomedAt >= STABLE_MS;
    if (stable) this.#attempt = 0;
    const delay = this.#delay(end.reconnectAfterMs);
    this.#attempt++;
    this.#told = end.reconnectAfterMs !== null;
    this.#retry = setTimeout(() => this.#dial(), delay);
    this.#set("connecting", end.reason, this.#now() + delay);
  }

  // The server's word counts; a server that says it again and again is not asked ever faster.
  #delay(reconnectAfterMs: number | null): number {
    const random = (this.#options.random ?? Math.random)();
    const own = backoff(this.#attempt, random, this.#options.backoff ?? DEFAULT_BACKOFF);
    if (reconnectAfterMs === null) return own;
    return this.#attempt === 0 ? reconnectAfterMs : Math.max(reconnectAfterMs, own);
  }

  #set(state: ConnectionState, reason: CloseReason | null, retryAt: number | null): void {
    this.#change = { ...this.#change, state, reason, retryAt };
    this.#events.emit("state", this.#change);
  }
}
