import { backoff } from "./backoff.ts";
import { ServerClock } from "./clock.ts";
import { NO_COUNTDOWNS, secondsUntil } from "./countdown.ts";
import { Emitter, Store } from "./emitter.ts";
import { NodError, problemFrom, problemOf } from "./errors.ts";
import { pause } from "./followers.ts";
import { type Memory, Notebook } from "./memory.ts";
import { isRefused, Onboarding, type PhoneChannel } from "./onboarding.ts";
import { NO_PHONE, type PhoneAct, type PhoneState } from "./phonestate.ts";
import type { Result, StatusBody } from "./protocol.ts";
import type { SocketConstructor } from "./socket.ts";
import { resultOf } from "./status.ts";
import type { FetchToken } from "./usertoken.ts";
import { Watcher, type WatcherEvents, type WatcherOptions } from "./watcher.ts";

/** Refusals which say that the verification has moved on while this side did not know. */
const STALE = new Set(["already_decided", "expired", "locked", "max_resends_reached"]);

/** What proving a number needs. */
export interface PhoneVerificationOptions {
  baseUrl: string;
  fetchToken: FetchToken;
  /** The language of the message, for example `pt-BR`. */
  locale?: string;
  /** Without it a reload asks the server what is open. */
  memory?: Memory;
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
}

/** What the proof of a number tells. */
export interface PhoneEvents extends Pick<WatcherEvents, "event"> {
  /** Once for each verification that ends. */
  result: Result;
  problem: NodError;
}

/**
 * Proves that a number is the user's: from its entry over sends, tries and changes to the end,
 * over reloads, sleep, bad networks and other windows. Acts never throw: each tells whether it
 * did what it says, and leaves what went wrong in `problem`. While one is under way others do
 * nothing.
 */
export class PhoneVerification {
  readonly #options: PhoneVerificationOptions;
  readonly #clock: ServerClock;
  readonly #onboarding: Onboarding;
  readonly #notebook: Notebook;
  readonly #store = new Store<PhoneState>(NO_PHONE);
  readonly #events = new Emitter<PhoneEvents>();
  #watcher: Watcher | null = null;
  #asked: string | null = null;
  #life: AbortController | null = null;
  #disposed = false;
  #retryAt: number | null = null;
  #beat: ReturnType<typeof setInterval> | undefined;
  #codeEndsAt: string | null = null;
  #finding: Promise<void> | null = null;
  #leavingFor: string | null = null; // the new number, while it is not sure that the old one was left

  constructor(options: PhoneVerificationOptions) {
    this.#options = options;
    this.#clock = new ServerClock(options.now);
    this.#onboarding = new Onboarding({ ...options, clock: this.#clock });
    this.#notebook = new Notebook(options.memory);
  }

  /** The present state. */
  readonly getState = (): PhoneState => this.#store.getState();

  /** Calls back after each change of the state. */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Listens to one kind of event. */
  readonly on: Emitter<PhoneEvents>["on"] = (name, listener) => this.#events.on(name, listener);

  /** The server's time in epoch milliseconds. */
  readonly now = (): number => this.#clock.now();

  /**
   * Begins, or goes on after `stop`. What a reload interrupted is taken up again from the memory,
   * else an open verification of `phoneNumber` is; neither sends a message.
   */
  start(phoneNumber = ""): void {
    if (this.#life || this.#disposed) return;
    this.#life = new AbortController();
    this.#beat = setInterval(() => this.#showRetry(), 1000);
    this.#showRetry();
    this.#watcher?.start();
    if (this.#asked !== null) return;
    this.#asked = phoneNumber;
    void this.#resume(phoneNumber);
  }

  /** Stops following; `start` goes on where it was. */
  stop(): void {
    clearInterval(this.#beat);
    this.#life?.abort();
    this.#life = null;
    this.#watcher?.stop();
  }

  /** The page is looked at again, or the network is back. */
  wake(): void {
    if (!this.#life) return;
    this.#showRetry();
    if (this.getState().elsewhere) void this.#findOut();
    else this.#watcher?.wake();
  }

  /** Stops for good and forgets all listeners. */
  dispose(): void {
    this.#disposed = true;
    this.stop();
    this.#watcher?.dispose();
    this.#store.clear();
    this.#events.clear();
  }

  /** Sends a code to a number (E.164), or goes on with the open verification of that number. */
  async send(phoneNumber: string, channel?: PhoneChannel): Promise<boolean> {
    return await this.#act("send", () => this.#begin(phoneNumber, channel));
  }

  /** Tries a code; tells whether it was right. */
  async check(code: string): Promise<boolean> {
    return await this.#act("check", async () => {
      const answer = await this.#own((watcher) => watcher.check(code));
      if (answer && !answer.ok) this.#store.update({ wrong: this.getState().wrong + 1 });
      return answer?.ok ?? false;
    });
  }

  /** Asks for another message, over the last channel unless another is named. */
  async resend(channel?: string): Promise<boolean> {
    return await this.#act("resend", async () => {
      return (await this.#own((watcher) => watcher.resend(channel))) !== null;
    });
  }

  /** Leaves the number for another. Where that is refused the old one goes on. */
  async changePhone(newNumber: string): Promise<boolean> {
    const done = await this.#act("change", () => this.#change(newNumber));
    this.#mirror();
    return done;
  }

  /** Ends the verification. */
  async cancel(): Promise<boolean> {
    return await this.#act("cancel", async () => {
      return (await this.#own((watcher) => watcher.cancel())) !== null;
    });
  }

  /** Goes on here with what another window has taken; that one is told then. Sends no message. */
  async takeOver(): Promise<boolean> {
    return await this.#act("takeOver", async () => {
      if (this.getState().elsewhere) await this.#reclaim();
      return this.getState().phase === "open";
    });
  }

  /** Back to the entry of a number; what is open stays so, and is found again under its number. */
  again(): void {
    if (this.getState().busy) return;
    this.#forget();
    this.#store.update({ ...NO_PHONE, phase: "entry", phoneNumber: this.getState().phoneNumber });
  }

  /** Reads the user's own figures of the last days. */
  async loadSummary(days?: number): Promise<boolean> {
    try {
      this.#store.update({ summary: await this.#onboarding.summary(days) });
      return true;
    } catch (error) {
      this.#tell(error);
      return false;
    }
  }

  /** A token that is still good for the integrator's exchange; null when there is none to be had. */
  async resultToken(): Promise<string | null> {
    const { phase, status } = this.getState();
    if (phase !== "approved" || !status) return null;
    const read = this.#watcher
      ? this.#watcher.resultToken()
      : this.#read(status.verification_id).then((read) => read?.result_token ?? null);
    return await read.catch(() => null);
  }

  async #act(busy: PhoneAct, work: () => Promise<boolean>): Promise<boolean> {
    if (this.getState().busy || this.#disposed) return false;
    this.#retryAt = null;
    this.#store.update({ busy, problem: null, retryIn: null });
    try {
      return await work();
    } catch (error) {
      this.#tell(error);
      if (STALE.has(problemOf(error).code)) void this.#watcher?.refresh().catch(() => undefined);
      return false;
    } finally {
      this.#store.update({ busy: null });
    }
  }

  // Acts under the verification's own credential. Null when there is nothing to act on any more:
  // then the state says what became of it.
  async #own<T>(work: (watcher: Watcher) => Promise<T>): Promise<T | null> {
    if (this.getState().elsewhere) await this.#reclaim();
    const watcher = this.#watcher;
    if (!watcher || this.getState().phase !== "open") return null;
    try {
      return await work(watcher);
    } catch (error) {
      if (!isRefused(error)) throw error;
      await this.#ask();
      return null;
    }
  }

  async #begin(phoneNumber: string, channel?: PhoneChannel): Promise<boolean> {
    const asked = this.#asked ?? "";
    const before = this.#notebook.read(asked);
    // A reload while the answer is awaited finds what was sent under its number.
    this.#notebook.write({ asked, phoneNumber });
    if (this.getState().phase !== "open") this.#store.update({ phoneNumber });
    try {
      const body = await this.#onboarding.send(phoneNumber, channel, this.#options.locale);
      return this.#adopt(body, phoneNumber);
    } catch (error) {
      if (problemOf(error).status !== 0) this.#notebook.write(before);
      throw error;
    }
  }

  async #change(newNumber: string): Promise<boolean> {
    this.#leavingFor = newNumber;
    try {
      const body = await this.#onboarding.changePhone(this.getState().phoneNumber, newNumber);
      this.#leavingFor = null;
      return this.#adopt(body, newNumber);
    } catch (error) {
      // A refusal is certain. A lost answer is not: then the end of the old one tells.
      if (problemOf(error).status !== 0) this.#leavingFor = null;
      throw error;
    }
  }

  // Follows what a send has answered.
  #adopt(body: StatusBody, phoneNumber: string): boolean {
    const { verification_id: verificationId, client_secret: clientSecret } = body;
    if (this.#disposed) return false;
    if (!clientSecret) throw new NodError(problemFrom(200, null));
    this.#notebook.write({ asked: this.#asked ?? "", phoneNumber, verificationId, clientSecret });
    this.#codeEndsAt = null;
    const { busy, summary } = this.getState();
    const reused = body.reused === true;
    this.#store.update({ ...NO_PHONE, phase: "open", phoneNumber, reused, busy, summary });
    this.#follow({ verificationId, clientSecret, status: body, lastSeq: body.seq });
    return true;
  }

  #follow(what: Pick<WatcherOptions, "verificationId" | "clientSecret" | "status" | "lastSeq">) {
    this.#watcher?.dispose();
    const { baseUrl, fetch, webSocket, now, random } = this.#options;
    const common = { baseUrl, fetch, webSocket, now, random, clock: this.#clock };
    const watcher = new Watcher({ ...common, ...what });
    this.#watcher = watcher;
    watcher.subscribe(() => this.#mirror());
    watcher.on("event", (event) => this.#events.emit("event", event));
    if (this.#life) watcher.start();
    this.#mirror();
    return watcher;
  }

  // Takes over what the watcher knows.
  #mirror(): void {
    const { phase, busy, elsewhere, result: known } = this.getState();
    if (!this.#watcher || elsewhere) return;
    const { closed, ...seen } = this.#watcher.getState();
    const { status, result } = seen;
    if (result?.reason === "phone_changed" && this.#leavingFor) {
      if (busy !== "change") this.#arriveAt(this.#leavingFor);
      return;
    }
    // Approved and redeemed before this page began: that proof is spent.
    if (phase === "loading" && result?.status === "approved" && !result.result_token) {
      this.again();
      return;
    }
    this.#store.update(seen);
    if (status?.expires_at && status.expires_at !== this.#codeEndsAt) {
      this.#codeEndsAt = status.expires_at;
      this.#store.update({ wrong: 0 });
    }
    if (phase === "loading" && status) this.#store.update({ phase: "open", problem: null });
    if (result && !known) this.#ended(result);
    if (closed?.kind === "unauthenticated" && !result) void this.#findOut();
  }

  #ended(result: Result): void {
    if (result.status !== "approved") this.#notebook.write(null);
    const phase = result.status === "approved" ? "approved" : "ended";
    this.#store.update({ phase, result, elsewhere: false, countdowns: NO_COUNTDOWNS });
    this.#events.emit("result", result);
  }

  async #resume(asked: string): Promise<void> {
    const kept = this.#notebook.read(asked);
    const phoneNumber = kept?.phoneNumber ?? asked;
    const { verificationId, clientSecret } = kept ?? {};
    this.#store.update({ phoneNumber, phase: phoneNumber === "" ? "entry" : "loading" });
    if (phoneNumber === "") return;
    if (!verificationId || !clientSecret) {
      await this.#lookUp(phoneNumber);
      return;
    }
    // The watcher comes to the same; this is faster, and says at once when there is no network.
    const watcher = this.#follow({ verificationId, clientSecret });
    await watcher.refresh().catch((error) => {
      if (watcher !== this.#watcher || this.getState().phase !== "loading") return;
      if (isRefused(error)) void this.#findOut();
      else this.#tell(error);
    });
  }

  // Nothing but a number is known: what is open under it goes on here, else it is only filled in.
  // While it is open the server answers a send by giving it back.
  async #lookUp(phoneNumber: string): Promise<void> {
    try {
      const status = await this.#onboarding.status({ phoneNumber });
      if (this.getState().phase !== "loading") return;
      if (status?.status === "pending") await this.#begin(phoneNumber);
    } catch (error) {
      this.#tell(error);
    }
    if (this.getState().phase === "loading") this.#store.update({ phase: "entry" });
  }

  // The number was changed although the answer was lost.
  #arriveAt(phoneNumber: string): void {
    this.#forget();
    this.#notebook.write({ asked: this.#asked ?? "", phoneNumber });
    this.#store.update({ ...NO_PHONE, phoneNumber, summary: this.getState().summary });
    void this.#lookUp(phoneNumber);
  }

  // The credential is void, so the user's token must tell why, as soon as it can.
  #findOut(): Promise<void> {
    this.#finding ??= this.#keepAsking().finally(() => {
      this.#finding = null;
    });
    return this.#finding;
  }

  async #keepAsking(): Promise<void> {
    const signal = this.#life?.signal;
    for (let attempt = 0; signal && !signal.aborted; attempt++) {
      try {
        await this.#ask();
        return;
      } catch (error) {
        this.#tell(error);
        if (!problemOf(error).temporary) return;
        await pause(backoff(attempt, (this.#options.random ?? Math.random)()), signal);
      }
    }
  }

  async #ask(): Promise<void> {
    const watcher = this.#watcher;
    const id = watcher?.verificationId ?? this.getState().status?.verification_id;
    if (!id) return;
    const status = await this.#read(id);
    if (this.#watcher === watcher) this.#settle(status);
  }

  async #reclaim(): Promise<void> {
    await this.#ask();
    if (this.getState().elsewhere) await this.#begin(this.getState().phoneNumber);
  }

  async #read(verificationId: string): Promise<StatusBody | null> {
    return await this.#onboarding.status({ verificationId }).catch((error) => {
      if (error instanceof NodError && error.status === 404) return null;
      throw error;
    });
  }

  // What the user's token knows of a verification whose credential is void.
  #settle(status: StatusBody | null): void {
    const result = status && resultOf(status);
    if (!status) {
      this.again();
      this.#tell(gone());
    } else if (result) {
      this.#watcher?.dispose();
      this.#watcher = null;
      this.#store.update({ status, connection: "closed", transport: null });
      this.#ended(result);
    } else {
      this.#watcher?.stop();
      const countdowns = NO_COUNTDOWNS;
      const seen = { status, countdowns, connection: "closed", transport: null } as const;
      this.#store.update({ ...seen, phase: "open", elsewhere: true, problem: null });
    }
  }

  #forget(): void {
    this.#watcher?.dispose();
    this.#watcher = null;
    this.#leavingFor = null;
    this.#notebook.write(null);
  }

  #tell(error: unknown): void {
    const problem = problemOf(error);
    const { retryAfter } = problem;
    this.#retryAt = retryAfter === undefined ? null : this.#clock.now() + retryAfter * 1000;
    this.#store.update({ problem });
    this.#showRetry();
    this.#events.emit("problem", problem);
  }

  #showRetry(): void {
    const retryIn = this.#retryAt === null ? null : secondsUntil(this.#retryAt, this.now());
    this.#store.update({ retryIn });
  }
}

function gone(): NodError {
  return new NodError({
    code: "expired",
    title: "This has ended",
    detail: "It took too long and has ended. Ask for a new code.",
    status: 410,
  });
}
