import { Answers, answerUnderWay, requestIsOver } from "./answers.ts";
import type { PlatformCredential } from "./assertion.ts";
import { ServerClock } from "./clock.ts";
import type { CloseReason } from "./closereason.ts";
import { Connection, type ConnectionState } from "./connection.ts";
import { secondsUntil } from "./countdown.ts";
import { DeviceCalls } from "./devicecalls.ts";
import { type Answer, DeviceTokens } from "./devicetokens.ts";
import { Emitter, Store } from "./emitter.ts";
import { randomId } from "./encoding.ts";
import type { PushTarget } from "./enrollment.ts";
import { Inbox } from "./inbox.ts";
import { openJwe } from "./jwe.ts";
import type { DeviceRecord, KeyStore } from "./keys.ts";
import type { Prompt, Refused } from "./prompts.ts";
import type { Frame, PromptClosed, PromptFrame, PromptResult, Tick } from "./protocol.ts";
import { type PushMessage, readPush } from "./push.ts";
import { Reports } from "./reports.ts";
import { Rest, socketUrl } from "./rest.ts";
import type { SocketConstructor } from "./socket.ts";

/** Frames that may wait for the check of a signature before the whole state is asked for instead. */
const MAX_WORK = 64;
/** A phone that is asked nothing hears nothing. Each probe costs the server a look, so they are rare. */
const QUIET_BEATS = 5;
/** A server whose keys are unknown is not asked for them more often. */
const KEYS_PAUSE_MS = 30_000;

/** What a device needs. */
export interface DeviceOptions {
  /** From `enroll` or out of the key store. */
  record: DeviceRecord;
  keys: KeyStore;
  slot: string;
  webSocket?: SocketConstructor;
  fetch?: typeof fetch;
  now?: () => number;
  random?: () => number;
}

/** Everything a phone shows. */
export interface DeviceState {
  connection: ConnectionState;
  /** Why it is not open. */
  closed: CloseReason | null;
  /** When it connects again, in epoch milliseconds. */
  retryAt: number | null;
  /** The open requests, every one of them checked. */
  prompts: Prompt[];
}

/** What a device tells. */
export interface DeviceEvents {
  /** A request that is new, or that asks for a new number; acknowledged already. */
  prompt: Prompt;
  /** A request that ended, but not by this device's answer. */
  closed: PromptClosed;
  /** Something that must not be shown. */
  refused: Refused;
  /** Once a second while a request is open. */
  tick: { verificationId: string; seconds: number };
}

/**
 * An enrolled phone: holds the socket, takes requests in after checking the server's signature,
 * signs answers. A request that is known stays when the socket is stopped, until it ends.
 */
export class Device {
  readonly #options: DeviceOptions;
  readonly #record: DeviceRecord;
  readonly #clock: ServerClock;
  readonly #tokens: DeviceTokens;
  readonly #calls: DeviceCalls;
  readonly #connection: Connection;
  readonly #reports: Reports;
  readonly #inbox: Inbox;
  readonly #answers = new Answers();
  readonly #events = new Emitter<DeviceEvents>();
  readonly #store = new Store<DeviceState>({
    connection: "closed",
    closed: null,
    retryAt: null,
    prompts: [],
  });
  #work: Promise<void> = Promise.resolve();
  #working = 0;
  #keysReadAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeviceOptions) {
    const { record } = options;
    this.#options = options;
    this.#record = { ...record };
    this.#clock = new ServerClock(options.now);
    this.#tokens = new DeviceTokens(this.#record, this.#clock);
    const { baseUrl } = record;
    const rest = new Rest({ baseUrl, clock: this.#clock, fetch: options.fetch });
    this.#calls = new DeviceCalls(rest, this.#tokens, this.#clock);
    this.#inbox = new Inbox({
      record: this.#record,
      clock: this.#clock,
      refreshKeys: () => this.#refreshKeys(),
      onChange: (prompts) => this.#store.update({ prompts }),
      onPrompt: (prompt) => this.#events.emit("prompt", prompt),
      onRefused: (refused) => this.#events.emit("refused", refused),
      onClosed: (closed) => {
        if (!this.#answers.has(closed.verification_id)) this.#events.emit("closed", closed);
      },
    });
    this.#connection = new Connection({
      url: socketUrl(baseUrl),
      webSocket: options.webSocket,
      now: options.now,
      random: options.random,
      silence: {
        afterMs: (welcome) => welcome.heartbeat_seconds * 1000 * QUIET_BEATS,
        probe: { type: "sync" },
      },
      authenticate: async ({ nonce, server_time }) => {
        this.#clock.observe(server_time);
        return { token: await this.#tokens.forSocket(nonce) };
      },
    });
    this.#reports = new Reports(this.#connection, this.#calls);
    this.#connection.on("frame", (frame) => this.#receive(frame));
    this.#connection.on("state", ({ state, reason, retryAt }) => {
      if (state !== "open") this.#answers.lost();
      this.#store.update({ connection: state, closed: reason, retryAt });
    });
  }

  /** Who this is; the keys in it cannot be read. */
  get record(): Readonly<DeviceRecord> {
    return this.#record;
  }

  /** The present state. */
  readonly getState = (): DeviceState => this.#store.getState();

  /** Calls back after each change of the state. */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Listens to one kind of event. */
  readonly on: Emitter<DeviceEvents>["on"] = (name, listener) => this.#events.on(name, listener);

  /** The server's time in epoch milliseconds. */
  readonly now = (): number => this.#clock.now();

  /** Goes online. */
  start(): void {
    this.#connection.start();
  }

  /** Goes offline. Requests over REST still work, as after a push. */
  stop(): void {
    this.#connection.stop();
  }

  /** The app is looked at again, or the network is back. */
  wake(): void {
    this.#connection.wake();
  }

  /** The app leaves the foreground: what is open goes out as a push. */
  away(): void {
    this.#connection.send({ type: "away" });
  }

  /** Asks for all open requests over the socket. */
  sync(): void {
    this.#connection.send({ type: "sync" });
  }

  /** Stops, and forgets requests and listeners. */
  dispose(): void {
    this.#connection.dispose();
    this.#inbox.dispose();
    this.#store.clear();
    this.#events.clear();
  }

  /** Whole seconds that a request has left, by the server's clock. */
  remaining(prompt: Prompt): number {
    return secondsUntil(prompt.expiresAt, this.#clock.now());
  }

  /** Tells that the person can see the request now; told once. */
  async displayed(verificationId: string): Promise<void> {
    const prompt = this.#inbox.get(verificationId);
    if (prompt) await this.#reports.tell("displayed", prompt);
  }

  /** Signs and sends the person's answer, over the socket if it takes it, else over REST. Throws a NodError. */
  async respond(verificationId: string, answer: Answer): Promise<PromptResult> {
    const prompt = this.#inbox.get(verificationId);
    if (!prompt) throw requestIsOver();
    if (this.#answers.has(verificationId)) throw answerUnderWay();
    const token = await this.#tokens.answer(verificationId, prompt.signed, answer);
    const id = randomId();
    const send = () => this.#connection.send({ type: "respond", id, data: { token } });
    const result =
      (await this.#answers.wait(verificationId, id, send)) ??
      (await this.#calls.respond(verificationId, token));
    // Only a missing unlock leaves the request open.
    if (result.reason !== "user_verification_required") this.#inbox.remove(verificationId);
    return result;
  }

  /** Reads all open requests over REST. Throws a NodError. */
  async fetchPrompts(): Promise<Prompt[]> {
    return await this.#takeAll(await this.#calls.prompts());
  }

  /**
   * Takes the data of a push message: opens what is sealed in it, else fetches what it is about,
   * and acknowledges it. Null when that request is over, or the data is no message of nod.
   * Throws a NodError when it must be fetched and cannot be.
   */
  async openPush(data: unknown): Promise<Prompt | null> {
    const push = readPush(data);
    if (!push) return null;
    const prompt = await this.takePush(push);
    if (prompt) await this.acknowledge(push);
    return prompt;
  }

  /**
   * `openPush` without the acknowledgement, for a worker: it shows first and tells then, with
   * `acknowledge`. A message that a request is over ends it here too.
   */
  async takePush(push: PushMessage): Promise<Prompt | null> {
    if (push.type === "prompt_closed") {
      this.#inbox.close(push.verificationId, "gone");
      return null;
    }
    const sealed = push.jwe ? await this.#unseal(push.jwe, push) : null;
    if (sealed) return sealed;
    const open = await this.#inbox.takeAll(await this.#calls.prompts());
    return open.find(({ verificationId }) => verificationId === push.verificationId) ?? null;
  }

  /** Tells that a push message arrived, and all that was read because of it; told once. */
  async acknowledge(push: PushMessage): Promise<void> {
    for (const prompt of this.#inbox.list()) await this.#reports.tell("ack", prompt);
    const known = this.#inbox.get(push.verificationId);
    if (!known || push.type !== "prompt" || !push.deliveryId) return;
    await this.#reports.tell("ack", { ...known, deliveryId: push.deliveryId });
  }

  /** Which provider the server wakes this device by; null while push is off. Throws a NodError. */
  async pushProvider(): Promise<PushTarget["provider"] | null> {
    const { id, userId } = this.#record;
    const devices = await this.#calls.devices(userId);
    return devices.find((device) => device.id === id)?.push?.provider ?? null;
  }

  /** Says where the device can be woken; null switches push off. Throws a NodError. */
  async setPush(push: PushTarget | null): Promise<void> {
    await this.#calls.update(this.#record.id, { push });
  }

  /** Gives the device another name. Throws a NodError. */
  async rename(name: string): Promise<void> {
    await this.#calls.update(this.#record.id, { name });
    await this.#keep({ name });
  }

  /** What checks the person here, as this page or another one kept it; null when there is none. */
  async loadCredential(): Promise<PlatformCredential | null> {
    return (await this.#options.keys.load(this.#options.slot))?.credential ?? null;
  }

  /** Keeps beside the device's keys what checks the person; see `verifyUser`. */
  async keepCredential(credential: PlatformCredential): Promise<void> {
    await this.#keep({ credential });
  }

  #receive(frame: Frame): void {
    if (frame.type === "tick") this.#takeTick(frame.data as Tick);
    else if (frame.type === "prompt_result") this.#answers.result(frame.data as PromptResult);
    else if (frame.type === "error") this.#answers.error(frame.id, frame.data);
    else this.#inOrder(frame);
  }

  // Signatures take a while to check; the order of frames must survive that.
  #inOrder(frame: Frame): void {
    if (this.#working >= MAX_WORK) return;
    this.#working++;
    this.#work = this.#work
      .then(() => this.#take(frame))
      .catch(() => undefined)
      .finally(() => {
        const full = this.#working === MAX_WORK;
        this.#working--;
        if (full) this.sync();
      });
  }

  async #take(frame: Frame): Promise<void> {
    if (frame.type === "prompts") {
      await this.#takeAll((frame.data as { prompts: PromptFrame[] }).prompts ?? []);
    } else if (frame.type === "prompt") {
      const prompt = await this.#inbox.take(frame.data as PromptFrame);
      if (prompt) await this.#reports.tell("ack", prompt);
    } else if (frame.type === "prompt_closed") {
      const { verification_id, reason } = frame.data as PromptClosed;
      this.#inbox.close(verification_id, reason);
    }
  }

  async #takeAll(frames: PromptFrame[]): Promise<Prompt[]> {
    const prompts = await this.#inbox.takeAll(frames);
    for (const prompt of prompts) await this.#reports.tell("ack", prompt);
    return prompts;
  }

  #takeTick(tick: Tick): void {
    this.#clock.observe(tick.server_time);
    if (tick.prompt_in === undefined) return;
    const { verification_id: verificationId, prompt_in: seconds } = tick;
    this.#events.emit("tick", { verificationId, seconds });
  }

  // What is sealed must be what the message says it is about.
  async #unseal(jwe: string, about: { verificationId: string }): Promise<Prompt | null> {
    try {
      const signed = await openJwe(jwe, this.#record.encryptKey);
      return await this.#inbox.take({ signed, verification_id: about.verificationId });
    } catch {
      return null;
    }
  }

  async #refreshKeys(): Promise<boolean> {
    const now = this.#clock.now();
    if (now - this.#keysReadAt < KEYS_PAUSE_MS) return false;
    this.#keysReadAt = now;
    const kept = this.#calls.keySet().then((jwks) => this.#keep({ jwks }));
    return await kept.then(() => true).catch(() => false);
  }

  // Another page of the same device may have kept something else meanwhile.
  async #keep(change: Partial<DeviceRecord>): Promise<void> {
    const { keys, slot } = this.#options;
    Object.assign(this.#record, change);
    await keys.save(slot, { ...this.#record, ...(await keys.load(slot)), ...change });
  }
}
