import { type CloseReason, closeReason } from "./closereason.ts";
import { type Frame, parseFrame, type Welcome } from "./protocol.ts";
import type { SocketConstructor, SocketLike } from "./socket.ts";

/** The subprotocol that both sides must agree on. */
export const SUBPROTOCOL = "nod.v1";

/** From dialling to `welcome`; the server itself allows 5 s for `auth`. */
const HANDSHAKE_MS = 10_000;
/** How long a probed connection has to show that it lives. */
const GRACE_MS = 5_000;
/** More than this unsent means that the network does not take anything. */
const MAX_UNSENT = 64 * 1024;

const OPEN = 1;

/** What the server says first. */
export interface Challenge {
  nonce: string;
  server_time: string;
}

/** How long a healthy connection may say nothing. */
export interface Silence {
  /** Browsers do not show pings, so only frames count. */
  afterMs(welcome: Welcome): number;
  /** Sent to provoke a frame before the connection is given up. */
  probe?: Frame;
}

/** What a link needs to know. */
export interface LinkOptions {
  url: string;
  webSocket: SocketConstructor;
  now: () => number;
  silence?: Silence;
  /** Makes the data of `auth`. */
  authenticate(challenge: Challenge): Promise<object> | object;
  onWelcome(welcome: Welcome): void;
  onFrame(frame: Frame): void;
  /** Called once, unless this side closes. */
  onEnd(end: LinkEnd): void;
}

/** How one connection ended. */
export interface LinkEnd {
  reason: CloseReason;
  /** When it was welcomed, in epoch milliseconds; null when it never was. */
  welcomedAt: number | null;
  /** When the server asked to come back. */
  reconnectAfterMs: number | null;
}

/** One WebSocket from dialling to its end: handshake, frames, and the watch over its silence. */
export class Link {
  readonly #options: LinkOptions;
  readonly #socket: SocketLike;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  #welcome: Welcome | null = null;
  #welcomedAt: number | null = null;
  #lastFrameAt: number;
  #bye: string | null = null;
  #reconnectAfterMs: number | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#lastFrameAt = options.now();
    this.#socket = new options.webSocket(options.url, [SUBPROTOCOL]);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#end(closeReason(event.code, this.#bye));
    this.#socket.onerror = () => undefined; // `close` always follows
    this.#timer = setTimeout(() => this.#giveUp("lost"), HANDSHAKE_MS);
  }

  /** Sends a frame now or not at all; false when it cannot leave. */
  send(frame: Frame): boolean {
    if (this.#ended || !this.#welcome || this.#socket.readyState !== OPEN) return false;
    if (this.#socket.bufferedAmount > MAX_UNSENT) {
      this.#giveUp("silent");
      return false;
    }
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Asks for a sign of life at once, for example after the machine slept. */
  probe(): void {
    const silence = this.#options.silence;
    if (!this.#welcome || !silence || this.#ended) return;
    const askedAt = this.#options.now();
    if (silence.probe && !this.send(silence.probe)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#lastFrameAt >= askedAt) this.#watchSilence();
      else this.#giveUp("silent");
    }, GRACE_MS);
  }

  /** Closes from this side; `onEnd` is not called. */
  close(): void {
    this.#ended = true;
    this.#release(1000);
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    this.#lastFrameAt = this.#options.now();
    const frame = parseFrame(data);
    if (!frame) return;
    if (frame.type === "bye") this.#hearBye(frame);
    if (this.#welcome) this.#options.onFrame(frame);
    else if (frame.type === "challenge") void this.#answer(frame.data as Challenge);
    else if (frame.type === "welcome") this.#begin(frame.data as Welcome);
  }

  async #answer(challenge: Challenge): Promise<void> {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#giveUp("lost");
      return;
    }
    try {
      const data = await this.#options.authenticate(challenge);
      if (!this.#ended && this.#socket.readyState === OPEN) {
        this.#socket.send(JSON.stringify({ type: "auth", data }));
      }
    } catch {
      this.#giveUp("lost");
    }
  }

  #begin(welcome: Welcome): void {
    clearTimeout(this.#timer);
    this.#welcome = welcome;
    this.#welcomedAt = this.#options.now();
    this.#options.onWelcome(welcome);
    this.#watchSilence();
  }

  // One timer at a time: it sleeps until the silence would be too long, and looks again.
  #watchSilence(): void {
    const silence = this.#options.silence;
    if (!silence || !this.#welcome || this.#ended) return;
    const left = this.#lastFrameAt + silence.afterMs(this.#welcome) - this.#options.now();
    clearTimeout(this.#timer);
    if (left <= 0) this.probe();
    else this.#timer = setTimeout(() => this.#watchSilence(), left);
  }

  #hearBye(frame: Frame): void {
    const { reason, reconnect_after_ms: after } = (frame.data ?? {}) as Record<string, unknown>;
    if (typeof reason === "string") this.#bye = reason;
    if (typeof after === "number" && after >= 0) this.#reconnectAfterMs = after;
  }

  // A dead network does not answer a closing handshake, so its end is not waited for.
  #giveUp(kind: "lost" | "silent"): void {
    this.#end({ kind, code: 1006, final: false });
  }

  #end(reason: CloseReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    this.#options.onEnd({
      reason,
      welcomedAt: this.#welcomedAt,
      reconnectAfterMs: this.#reconnectAfterMs,
    });
  }

  #release(code?: number): void {
    clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close(code);
  }
}
