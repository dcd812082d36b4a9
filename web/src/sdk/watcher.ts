import { ServerClock } from "./clock.ts";
import { type CloseReason, FINISHED } from "./closereason.ts";
import type { ConnectionState } from "./connection.ts";
import { type Countdowns, countdowns, NO_COUNTDOWNS } from "./countdown.ts";
import { Emitter, Store } from "./emitter.ts";
import { Feed, type FeedChange, type Transport } from "./feed.ts";
import {
  type Frame,
  isTerminal,
  type Result,
  type StatusBody,
  type Tick,
  type VerificationEvent,
  type Welcome,
} from "./protocol.ts";
import { Rest } from "./rest.ts";
import { Sequence } from "./sequence.ts";
import type { SocketConstructor } from "./socket.ts";
import { advanceStatus, replaceStatus, resultOf } from "./status.ts";
import { Verification } from "./verification.ts";

/** The server repairs a lost message within 3 s; after this the client asks for it. */
const GAP_MS = 5_000;
/** How long the last events may come after the result, and the result after the last event. */
const LINGER_MS = 2_000;
/** A result token lives 60 s; an older one than this is not handed out. */
const TOKEN_AGE_MS = 45_000;

/** What a watcher needs. */
export interface WatcherOptions {
  baseUrl: string;
  verificationId: string;
  clientSecret: string;
  /** The body of the create, so that all is known before the first frame. */
  status?: StatusBody;
  /** The last event that was seen; 0 asks for all of them, absent for those from now on. */
  lastSeq?: number;
  /** Shared with others that speak with the same server. */
  clock?: ServerClock;
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
  now?: () => number;
  random?: () => number;
}

/** Everything a waiting page shows. */
export interface WatcherState {
  status: StatusBody | null;
  connection: ConnectionState;
  transport: Transport | null;
  countdowns: Countdowns;
  /** Set once. */
  result: Result | null;
  closed: CloseReason | null;
}

/** What a watcher tells. */
export interface WatcherEvents {
  /** In order of `seq`, each once. */
  event: { seq: number; event: VerificationEvent };
  /** Once. */
  result: Result;
}

/** Follows one verification to its end, over reloads, sleep and bad networks. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #clock: ServerClock;
  readonly #verification: Verification;
  readonly #feed: Feed;
  readonly #store: Store<WatcherState>;
  readonly #events = new Emitter<WatcherEvents>();
  readonly #sequence: Sequence<VerificationEvent>;
  #tick: Tick | null = null;
  #resumed = true;
  #tokenAt = Number.NEGATIVE_INFINITY;
  #sawTerminalEvent = false;
  #beat: ReturnType<typeof setInterval> | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;
  #gapAsked = false;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new ServerClock(options.now);
    const { baseUrl, verificationId, clientSecret, fetch } = options;
    const rest = new Rest({ baseUrl, clock: this.#clock, fetch });
    this.#verification = new Verification(rest, verificationId, clientSecret);
    this.#sequence = new Sequence(options.lastSeq ?? null);
    this.#store = new Store<WatcherState>({
      status: null,
      connection: "closed",
      transport: null,
      countdowns: NO_COUNTDOWNS,
      result: null,
      closed: null,
    });
    this.#feed = new Feed({
      rest,
      verificationId,
      clientSecret,
      webSocket: options.webSocket,
      random: options.random,
      lastSeq: () => this.#sequence.last,
      onFrame: (frame) => this.#receive(frame),
      onChange: (change) => this.#changed(change),
    });
    if (options.status) this.#takeStatus(options.status);
  }

  /** The present state. */
  readonly getState = (): WatcherState => this.#store.getState();

  /** Calls back after each change of the state. */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Listens to one kind of event. */
  readonly on: Emitter<WatcherEvents>["on"] = (name, listener) => this.#events.on(name, listener);

  /** The server's time in epoch milliseconds. */
  readonly now = (): number => this.#clock.now();

  /** Which one is followed. */
  get verificationId(): string {
    return this.#options.verificationId;
  }

  /** Begins to follow; after the result there is nothing to follow. */
  start(): void {
    if (this.#store.getState().result) return;
    clearInterval(this.#beat);
    // Ticks pace the countdowns; this goes on where none come.
    this.#beat = setInterval(() => this.#showCountdowns(), 1000);
    this.#feed.start();
  }

  /** Stops following; `start` goes on where it was. */
  stop(): void {
    this.#clearTimers();
    this.#feed.stop();
  }

  /** The page is looked at again, or the network is back. */
  wake(): void {
    this.#showCountdowns();
    this.#feed.wake();
  }

  /** Stops and forgets all listeners. */
  dispose(): void {
    this.stop();
    this.#store.clear();
    this.#events.clear();
  }

  /** What is left of every timer at this moment. */
  countdowns(): Countdowns {
    return countdowns(this.#store.getState().status, this.#tick, this.#clock.now());
  }

  /** Tries a code; `ok` says whether it was right. Throws a NodError. */
  async check(code: string): Promise<StatusBody & { ok: boolean }> {
    return this.#taken(await this.#verification.check(code));
  }

  /** Asks for another message, over the last channel unless another is named. Throws a NodError. */
  async resend(channel?: string): Promise<StatusBody> {
    return this.#taken(await this.#verification.resend(channel));
  }

  /** Starts the next channel now. Throws a NodError. */
  async next(): Promise<StatusBody> {
    return this.#taken(await this.#verification.next());
  }

  /** Ends the verification. Throws a NodError. */
  async cancel(): Promise<StatusBody> {
    return this.#taken(await this.#verification.cancel());
  }

  /** Reads the state now. Throws a NodError. */
  async refresh(): Promise<StatusBody> {
    return this.#taken(await this.#verification.read());
  }

  /** A token that is still good for the integrator's exchange; null unless approved. */
  async resultToken(): Promise<string | null> {
    const result = this.#store.getState().result;
    if (result && result.status !== "approved") return null;
    const age = (this.#options.now ?? Date.now)() - this.#tokenAt;
    if (result?.result_token && age < TOKEN_AGE_MS) return result.result_token;
    return (await this.refresh()).result_token ?? null;
  }

  #taken<Body extends StatusBody>(status: Body): Body {
    this.#takeStatus(status);
    return status;
  }

  #receive(frame: Frame): void {
    const data = frame.data as never;
    if (frame.type === "welcome") this.#welcome(data);
    else if (frame.type === "snapshot") this.#takeSnapshot(data);
    else if (frame.type === "event") this.#takeEvent(frame.seq, data);
    else if (frame.type === "tick") this.#takeTick(data);
    else if (frame.type === "result") this.#takeResult(data, frame.seq);
  }

  #welcome(welcome: Welcome): void {
    this.#clock.observe(welcome.server_time);
    this.#resumed = welcome.resumed;
  }

  // What happened before the first snapshot, or before one that nothing was resumed from, is in it.
  #takeSnapshot(status: StatusBody): void {
    if (this.#sequence.last === null || !this.#resumed) this.#sequence.rebase(status.seq);
    this.#resumed = true;
    this.#takeStatus(status);
  }

  #takeStatus(status: StatusBody): void {
    this.#clock.observe(status.server_time);
    this.#store.update({ status: replaceStatus(this.#store.getState().status, status) });
    this.#showCountdowns();
    const result = resultOf(status);
    if (result) this.#finish(result, status.seq);
  }

  #takeEvent(seq: number | undefined, event: VerificationEvent): void {
    if (seq === undefined) return;
    this.#apply(this.#sequence.offer(seq, event));
    if (!this.#sequence.hasGap) {
      clearTimeout(this.#gap);
      this.#gap = undefined;
      this.#gapAsked = false;
    } else this.#gap ??= setTimeout(() => this.#closeGap(), GAP_MS);
  }

  #closeGap(): void {
    this.#gap = undefined;
    if (this.#gapAsked) this.#apply(this.#sequence.skipGap());
    else {
      this.#gapAsked = true;
      this.#feed.restart();
      this.#gap = setTimeout(() => this.#closeGap(), GAP_MS);
    }
  }

  #apply(ready: [number, VerificationEvent][]): void {
    for (const [seq, event] of ready) {
      // Missed events come late, so their time only ever moves the clock forward.
      this.#clock.notBefore(event.state?.server_time);
      const status = advanceStatus(this.#store.getState().status, event, seq);
      this.#store.update({ status });
      // Events that came about together all tell the same end; the state knows which is the last.
      const last = seq >= (status?.seq ?? 0);
      if (last && event.state && isTerminal(event.state.status)) this.#ending();
      this.#events.emit("event", { seq, event });
    }
    if (ready.length > 0) this.#showCountdowns();
  }

  // The last event is here. Its result follows; if it was lost, the state holds it too.
  #ending(): void {
    this.#sawTerminalEvent = true;
    clearTimeout(this.#linger);
    if (this.#store.getState().result) this.#close();
    else this.#linger = setTimeout(() => void this.refresh().catch(() => undefined), LINGER_MS);
  }

  #takeTick(tick: Tick): void {
    this.#clock.observe(tick.server_time);
    this.#tick = tick;
    this.#showCountdowns();
  }

  #takeResult(result: Result, seq = 0): void {
    const status = this.#store.getState().status;
    if (status && !isTerminal(status.status)) {
      const { status: end, method, reason } = result;
      const ended = { ...status, status: end, method, reason, match_number: null };
      this.#store.update({ status: ended });
    }
    this.#finish(result, seq);
  }

  #finish(result: Result, seq: number): void {
    if (result.result_token) this.#tokenAt = (this.#options.now ?? Date.now)();
    const known = this.#store.getState().result;
    if (known) {
      // Only its token may still change: an older one ends after a minute.
      if (result.result_token) this.#store.update({ result });
      return;
    }
    clearTimeout(this.#linger);
    this.#store.update({ result, countdowns: NO_COUNTDOWNS });
    this.#events.emit("result", result);
    const last = this.#sequence.last;
    const complete = this.#sawTerminalEvent || last === null || last >= seq;
    // Polls bring no events, so there is nothing to wait for.
    if (complete || this.#store.getState().transport === "poll") this.#close();
    else this.#linger = setTimeout(() => this.#close(), LINGER_MS);
  }

  #close(): void {
    this.#clearTimers();
    this.#feed.stop(FINISHED);
    this.#store.update({ connection: "closed", transport: null, closed: FINISHED });
  }

  #changed({ connection, transport, closed }: FeedChange): void {
    if (closed) this.#clearTimers();
    this.#store.update({ connection, transport, closed });
  }

  #showCountdowns(): void {
    const next = this.countdowns();
    const known = this.#store.getState().countdowns;
    const names = Object.keys(next) as (keyof Countdowns)[];
    if (names.some((name) => next[name] !== known[name])) this.#store.update({ countdowns: next });
  }

  #clearTimers(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#gap);
    clearTimeout(this.#linger);
    this.#gap = undefined;
  }
}
