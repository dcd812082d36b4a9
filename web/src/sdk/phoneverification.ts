import { ServerClock } from "./clock.ts";
import { secondsUntil } from "./countdown.ts";
import { Emitter, Store } from "./emitter.ts";
import { problemOf } from "./errors.ts";
import { Onboarding, type PhoneChannel } from "./onboarding.ts";
import { PhoneSession } from "./phonesession.ts";
import {
  NO_PHONE,
  type PhoneAct,
  type PhoneEvents,
  type PhoneState,
  type PhoneVerificationOptions,
} from "./phonestate.ts";

/** Refusals which say that the verification has moved on while this side did not know. */
const STALE = new Set(["already_decided", "expired", "locked", "max_resends_reached"]);

/**
 * Proves that a number is the user's: from its entry over sends, tries and changes to the end,
 * over reloads, sleep, bad networks and other windows. Acts never throw: each tells whether it
 * did what it says, and leaves what went wrong in `problem`. While one is under way others do
 * nothing.
 */
export class PhoneVerification {
  readonly #clock: ServerClock;
  readonly #onboarding: Onboarding;
  readonly #session: PhoneSession;
  readonly #store = new Store<PhoneState>(NO_PHONE);
  readonly #events = new Emitter<PhoneEvents>();
  #running = false;
  #begun = false;
  #disposed = false;
  #retryAt: number | null = null;
  #beat: ReturnType<typeof setInterval> | undefined;

  constructor(options: PhoneVerificationOptions) {
    this.#clock = new ServerClock(options.now);
    this.#onboarding = new Onboarding({ ...options, clock: this.#clock });
    this.#session = new PhoneSession({
      ...options,
      store: this.#store,
      clock: this.#clock,
      onboarding: this.#onboarding,
      onEvent: (event) => this.#events.emit("event", event),
      onResult: (result) => this.#events.emit("result", result),
      onProblem: (error) => this.#tell(error),
    });
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
   * Begins, or goes on after `stop`. What a reload interrupted is taken up again from the memory;
   * what else is open for `phoneNumber` is `elsewhere` until `takeOver`. Never sends a message.
   */
  start(phoneNumber = ""): void {
    if (this.#running || this.#disposed) return;
    this.#running = true;
    this.#beat = setInterval(() => this.#showRetry(), 1000);
    this.#showRetry();
    this.#session.start();
    if (this.#begun) return;
    this.#begun = true;
    void this.#session.resume(phoneNumber);
  }

  /** Stops following; `start` goes on where it was. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#beat);
    this.#session.stop();
  }

  /** The page is looked at again, or the network is back. */
  wake(): void {
    if (!this.#running) return;
    this.#showRetry();
    this.#session.wake();
  }

  /** Stops for good and forgets all listeners. */
  dispose(): void {
    this.#disposed = true;
    this.stop();
    this.#session.dispose();
    this.#store.clear();
    this.#events.clear();
  }

  /**
   * Sends a code to a number (E.164), or goes on with the open verification of that number. Does
   * nothing while the phase is `loading`.
   */
  async send(phoneNumber: string, channel?: PhoneChannel): Promise<boolean> {
    if (this.getState().phase === "loading") return false;
    return await this.#act("send", () => this.#session.begin(phoneNumber, channel));
  }

  /** Tries a code; tells whether it was right. */
  async check(code: string): Promise<boolean> {
    return await this.#act("check", async () => {
      const answer = await this.#session.own((watcher) => watcher.check(code));
      if (answer && !answer.ok) this.#store.update({ wrong: this.getState().wrong + 1 });
      return answer?.ok ?? false;
    });
  }

  /** Asks for another message, over the last channel unless another is named. */
  async resend(channel?: string): Promise<boolean> {
    return await this.#act("resend", async () => {
      const sent = await this.#session.own((watcher) => watcher.resend(channel));
      if (sent) this.#store.update({ reused: false });
      return sent !== null;
    });
  }

  /** Leaves the number for another. Where that is refused the old one goes on. */
  async changePhone(newNumber: string): Promise<boolean> {
    if (this.getState().phase !== "open") return false;
    const done = await this.#act("change", () => this.#session.change(newNumber));
    this.#session.mirror(); // what came meanwhile may be of the number that was left
    return done;
  }

  /** Ends the verification. */
  async cancel(): Promise<boolean> {
    return await this.#act("cancel", async () => {
      return (await this.#session.own((watcher) => watcher.cancel())) !== null;
    });
  }

  /** Goes on here with what is open elsewhere; a window that has it is told. What is open sends no message. */
  async takeOver(): Promise<boolean> {
    return await this.#act("takeOver", async () => {
      if (this.getState().elsewhere) await this.#session.reclaim();
      return this.getState().phase === "open";
    });
  }

  /** Back to the entry of a number; what is open stays so, and is found again under its number. */
  again(): void {
    if (this.getState().busy) return;
    this.#retryAt = null;
    this.#session.reset();
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

  /**
   * A token that is still good for the integrator's exchange. Null before the approval, and where
   * there is none to be had: then `problem` says why, and `already_decided` is that another window
   * has redeemed it.
   */
  async resultToken(): Promise<string | null> {
    if (this.getState().phase !== "approved") return null;
    this.#store.update({ busy: "finish" });
    try {
      const token = await this.#session.resultToken();
      if (token) this.#store.update({ problem: null, retryIn: null });
      return token;
    } catch (error) {
      this.#tell(error);
      return null;
    } finally {
      this.#store.update({ busy: null });
    }
  }

  async #act(busy: PhoneAct, work: () => Promise<boolean>): Promise<boolean> {
    if (this.getState().busy || this.#disposed) return false;
    this.#retryAt = null;
    this.#store.update({ busy, problem: null, retryIn: null });
    try {
      return await work();
    } catch (error) {
      this.#tell(error);
      if (STALE.has(problemOf(error).code)) this.#session.refresh();
      return false;
    } finally {
      this.#store.update({ busy: null });
    }
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
    if (!this.getState().problem) this.#retryAt = null;
    const retryIn = this.#retryAt === null ? null : secondsUntil(this.#retryAt, this.now());
    this.#store.update({ retryIn });
  }
}
