import { backoff } from "./backoff.ts";
import type { ServerClock } from "./clock.ts";
import { NO_COUNTDOWNS } from "./countdown.ts";
import type { Store } from "./emitter.ts";
import { isRefused, isUncertain, NodError, problemFrom, problemOf } from "./errors.ts";
import { pause } from "./followers.ts";
import { Notebook } from "./memory.ts";
import type { Onboarding, PhoneChannel } from "./onboarding.ts";
import {
  NO_PHONE,
  type PhoneEvents,
  type PhoneState,
  type PhoneVerificationOptions,
} from "./phonestate.ts";
import { gone, readProof } from "./proof.ts";
import { isTerminal, type Result, type StatusBody } from "./protocol.ts";
import { resultOf } from "./status.ts";
import { Watcher, type WatcherOptions } from "./watcher.ts";

/** What a session works with, and whom it tells. */
export interface PhoneSessionOptions extends PhoneVerificationOptions {
  store: Store<PhoneState>;
  clock: ServerClock;
  onboarding: Onboarding;
  onEvent(event: PhoneEvents["event"]): void;
  onResult(result: Result): void;
  onProblem(error: unknown): void;
}

/**
 * The one verification that a page follows at a time, and the knowledge of what may become of it
 * beside the watcher's view: a reload, a lost answer, another window, another number. It has two
 * credentials: the verification's own, and the user's token, which is asked when that one is void.
 */
export class PhoneSession {
  readonly #options: PhoneSessionOptions;
  readonly #store: Store<PhoneState>;
  readonly #notebook: Notebook;
  #watcher: Watcher | null = null;
  #asked = "";
  #life: AbortController | null = null;
  #disposed = false;
  #codeEndsAt: string | null = null;
  #finding: Promise<void> | null = null;
  #leavingFor: string | null = null; // the new number, while it is not sure that the old one was left

  constructor(options: PhoneSessionOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#notebook = new Notebook(options.memory);
  }

  /** Follows, from now on. */
  start(): void {
    this.#life = new AbortController();
    if (this.#store.getState().elsewhere) this.#findOut();
    else this.#watcher?.start();
  }

  /** Follows no more; `start` goes on where it was. */
  stop(): void {
    this.#life?.abort();
    this.#life = null;
    this.#finding = null;
    this.#watcher?.stop();
  }

  /** The page is looked at again, or the network is back. */
  wake(): void {
    const closed = this.#watcher?.getState().closed;
    if (this.#store.getState().elsewhere || closed?.kind === "unauthenticated") {
      this.#findOut();
      return;
    }
    this.#watcher?.wake();
    // A socket may have outlived what an act did not, and then nothing tells that it is over.
    if (this.#isCut) this.#watcher?.refresh().then(this.#reached, () => undefined);
  }

  /** Stops for good. */
  dispose(): void {
    this.#disposed = true;
    this.stop();
    this.#watcher?.dispose();
  }

  /** Takes up what a reload interrupted, or tells what is open under this number; never a send. */
  async resume(asked: string): Promise<void> {
    this.#asked = asked;
    const kept = this.#notebook.read(asked);
    const phoneNumber = kept?.phoneNumber ?? asked;
    const { verificationId, clientSecret } = kept ?? {};
    this.#store.update({ phoneNumber, phase: phoneNumber === "" ? "entry" : "loading" });
    if (phoneNumber === "") return;
    if (!verificationId || !clientSecret) {
      await this.#lookUp(phoneNumber, (status) => this.#settle(status));
      return;
    }
    // The watcher comes to the same; this is faster, and says at once when there is no network.
    const watcher = this.#follow({ verificationId, clientSecret });
    await watcher.refresh().catch((error) => {
      if (watcher !== this.#watcher || this.#store.getState().phase !== "loading") return;
      if (isRefused(error)) this.#findOut();
      else this.#options.onProblem(error);
    });
  }

  /** Sends a code, or gets the open verification of the number back. Throws a NodError. */
  async begin(phoneNumber: string, channel?: PhoneChannel): Promise<boolean> {
    const asked = this.#asked;
    const before = this.#notebook.read(asked);
    // A reload while the answer is awaited finds what was sent under its number.
    this.#notebook.write({ asked, phoneNumber });
    if (this.#store.getState().phase !== "open") this.#store.update({ phoneNumber });
    try {
      const body = await this.#options.onboarding.send(phoneNumber, channel, this.#options.locale);
      return this.#adopt(body, phoneNumber);
    } catch (error) {
      if (!isUncertain(error)) this.#notebook.write(before);
      throw error;
    }
  }

  /** Leaves the number for another. Throws a NodError, and the old one goes on. */
  async change(newNumber: string): Promise<boolean> {
    this.#leavingFor = newNumber;
    try {
      const body = await this.#options.onboarding.changePhone(
        this.#store.getState().phoneNumber,
        newNumber,
      );
      this.#leavingFor = null;
      return this.#adopt(body, newNumber);
    } catch (error) {
      // Where the answer was lost the end of the old one will tell.
      if (!isUncertain(error)) this.#leavingFor = null;
      throw error;
    }
  }

  /** Goes on here with what another window has taken. Throws a NodError. */
  async reclaim(): Promise<void> {
    await this.#ask();
    if (this.#store.getState().elsewhere) await this.begin(this.#store.getState().phoneNumber);
  }

  /**
   * Acts under the verification's own credential; null when there is nothing to act on any more:
   * then the state says what became of it. Throws a NodError.
   */
  async own<T>(work: (watcher: Watcher) => Promise<T>): Promise<T | null> {
    if (this.#store.getState().elsewhere) await this.reclaim();
    const watcher = this.#watcher;
    if (!watcher || this.#store.getState().phase !== "open") return null;
    try {
      return await work(watcher);
    } catch (error) {
      if (!isRefused(error)) throw error;
      await this.#ask();
      return null;
    }
  }

  /** The state moved on while this side did not know: reads it again. */
  refresh(): void {
    void this.#watcher?.refresh().catch(() => undefined);
  }

  /** A token that is still good, of what is approved. Throws a NodError where none is to be had. */
  async resultToken(): Promise<string> {
    return await readProof(this.#watcher, this.#options.onboarding, this.#id ?? "");
  }

  /** Lets go of the verification; it stays open and is found again under its number. */
  reset(): void {
    this.#forget();
    const { phoneNumber, busy, summary } = this.#store.getState();
    this.#store.update({ ...NO_PHONE, phase: "entry", phoneNumber, busy, summary });
  }

  /** Takes over what the watcher knows. */
  mirror(): void {
    const { phase, busy, elsewhere, connection } = this.#store.getState();
    if (!this.#watcher || elsewhere) return;
    const { closed, result, ...seen } = this.#watcher.getState();
    if (seen.connection === "open" && connection !== "open") this.#reached();
    if (result?.reason === "phone_changed" && this.#leavingFor) {
      if (busy !== "change") this.#arriveAt(this.#leavingFor);
      return;
    }
    const over = seen.status && isTerminal(seen.status.status);
    if (phase === "loading" && over && !result) return; // it follows
    if (result && this.#isSpent(result)) {
      this.reset();
      return;
    }
    const codeEndsAt = seen.status?.expires_at ?? this.#codeEndsAt;
    const renewed = codeEndsAt !== this.#codeEndsAt ? { wrong: 0 } : {};
    this.#codeEndsAt = codeEndsAt;
    const found =
      phase === "loading" && seen.status ? { phase: "open" as const, problem: null } : {};
    if (result) this.#end(result, { ...seen, ...renewed, ...found });
    else this.#store.update({ ...seen, ...renewed, ...found });
    if (closed?.kind === "unauthenticated" && !result) this.#findOut();
  }

  // The server is there again, so that it was not is no news any more.
  readonly #reached = (): void => {
    if (this.#isCut) this.#store.update({ problem: null, retryIn: null });
  };

  get #isCut(): boolean {
    const { phase, problem } = this.#store.getState();
    return phase === "open" && (problem?.code === "network" || problem?.code === "timeout");
  }

  // Redeemed before this page began: that proof has had its effect.
  #isSpent({ status, result_token }: Result): boolean {
    return this.#store.getState().phase === "loading" && status === "approved" && !result_token;
  }

  // The first time is the end; later its token may only be a newer one.
  #end(result: Result, seen: Partial<PhoneState>): void {
    const first = this.#store.getState().result === null;
    const phase = result.status === "approved" ? "approved" : "ended";
    if (first && phase === "ended") this.#notebook.write(null);
    const countdowns = NO_COUNTDOWNS;
    this.#store.update({ ...seen, phase, result, elsewhere: false, countdowns });
    if (first) this.#options.onResult(result);
  }

  // Follows what a send has answered.
  #adopt(body: StatusBody, phoneNumber: string): boolean {
    const { verification_id: verificationId, client_secret: clientSecret } = body;
    if (this.#disposed) return false;
    if (!clientSecret) throw new NodError(problemFrom(200, null));
    this.#notebook.write({ asked: this.#asked, phoneNumber, verificationId, clientSecret });
    this.#codeEndsAt = null;
    const { busy, summary } = this.#store.getState();
    const reused = body.reused === true;
    this.#store.update({ ...NO_PHONE, phase: "open", phoneNumber, reused, busy, summary });
    this.#follow({ verificationId, clientSecret, status: body, lastSeq: body.seq });
    return true;
  }

  #follow(what: Pick<WatcherOptions, "verificationId" | "clientSecret" | "status" | "lastSeq">) {
    this.#drop();
    const { baseUrl, fetch, webSocket, now, random, clock } = this.#options;
    const watcher = new Watcher({ baseUrl, fetch, webSocket, now, random, clock, ...what });
    this.#watcher = watcher;
    watcher.subscribe(() => this.mirror());
    watcher.on("event", this.#options.onEvent);
    if (this.#life) watcher.start();
    this.mirror();
    return watcher;
  }

  // Nothing but a number is known: what is open under it is taken, else it is only filled in.
  async #lookUp(phoneNumber: string, take: (status: StatusBody) => unknown): Promise<void> {
    try {
      const status = await this.#options.onboarding.status({ phoneNumber });
      if (this.#store.getState().phase !== "loading") return;
      if (status?.status === "pending") await take(status);
    } catch (error) {
      this.#options.onProblem(error);
    }
    if (this.#store.getState().phase === "loading") this.#store.update({ phase: "entry" });
  }

  // The number was changed although the answer was lost. The person asked for its code, and while
  // it is open the server answers a send by giving it back.
  #arriveAt(phoneNumber: string): void {
    this.#forget();
    this.#notebook.write({ asked: this.#asked, phoneNumber });
    this.#store.update({ ...NO_PHONE, phoneNumber, summary: this.#store.getState().summary });
    void this.#lookUp(phoneNumber, () => this.begin(phoneNumber));
  }

  // The credential is void, so the user's token must tell why, as soon as it can.
  #findOut(): void {
    if (this.#finding) return;
    const finding = this.#keepAsking().finally(() => {
      if (this.#finding === finding) this.#finding = null;
    });
    this.#finding = finding;
  }

  async #keepAsking(): Promise<void> {
    const signal = this.#life?.signal;
    for (let attempt = 0; signal && !signal.aborted; attempt++) {
      try {
        await this.#ask();
        return;
      } catch (error) {
        this.#options.onProblem(error);
        const { temporary, retryAfter = 0 } = problemOf(error);
        if (!temporary) return;
        const own = backoff(attempt, (this.#options.random ?? Math.random)());
        await pause(Math.max(retryAfter * 1000, own), signal);
      }
    }
  }

  async #ask(): Promise<void> {
    const watcher = this.#watcher;
    const verificationId = this.#id;
    if (!verificationId) return;
    const status = await this.#options.onboarding.status({ verificationId });
    if (this.#watcher === watcher && this.#id === verificationId) this.#settle(status);
  }

  get #id(): string | undefined {
    return this.#watcher?.verificationId ?? this.#store.getState().status?.verification_id;
  }

  // What the user's token knows of a verification whose credential is void.
  #settle(status: StatusBody | null): void {
    const result = status && resultOf(status);
    if (!status) {
      this.reset();
      this.#options.onProblem(gone());
    } else if (result?.reason === "phone_changed" && this.#leavingFor) {
      this.#arriveAt(this.#leavingFor);
    } else if (result) {
      this.#drop();
      if (this.#isSpent(result)) this.reset();
      else this.#end(result, { status, connection: "closed", transport: null, problem: null });
    } else {
      this.#watcher?.stop();
      const countdowns = NO_COUNTDOWNS;
      const seen = { status, countdowns, connection: "closed", transport: null } as const;
      this.#store.update({ ...seen, phase: "open", elsewhere: true, problem: null });
    }
  }

  #forget(): void {
    this.#drop();
    this.#leavingFor = null;
    this.#notebook.write(null);
  }

  // A watcher may be in the middle of telling, so it ends when it has told.
  #drop(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    queueMicrotask(() => watcher?.dispose());
  }
}
