import type { ServerClock } from "./clock.ts";
import type { DeviceRecord } from "./keys.ts";
import { type Prompt, type PromptCheck, PromptError, type Refused, readPrompt } from "./prompts.ts";
import type { PromptClosed, PromptClosedReason, PromptFrame } from "./protocol.ts";

/** A user has one open request at a time; more than a few come from no honest server. */
const MAX_OPEN = 16;

/** Whom an inbox tells, and whom it asks. */
export interface InboxOptions {
  record: DeviceRecord;
  clock: ServerClock;
  /** Reads the server's key set again; false when there was no newer one. */
  refreshKeys(): Promise<boolean>;
  onChange(prompts: Prompt[]): void;
  /** A new request, or a new number for a known one. */
  onPrompt(prompt: Prompt): void;
  onClosed(closed: PromptClosed): void;
  onRefused(refused: Refused): void;
}

/** The open requests of a device: checked before they get in, out when they end. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #open = new Map<string, Prompt>();
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** The open request of a verification. */
  get(verificationId: string): Prompt | undefined {
    return this.#open.get(verificationId);
  }

  /** All open requests, oldest first. */
  list(): Prompt[] {
    return [...this.#open.values()];
  }

  /** Checks a request and keeps it; null, and `onRefused`, when it must not be shown. */
  async take(frame: Pick<PromptFrame, "signed"> & Partial<PromptFrame>): Promise<Prompt | null> {
    const prompt = await this.#check(frame);
    if (!prompt) return null;
    this.#keep(prompt);
    this.#changed();
    return prompt;
  }

  /** Takes the server's whole list; what is not in it has ended. */
  async takeAll(frames: PromptFrame[]): Promise<Prompt[]> {
    const before = new Set(this.#open.keys());
    const taken: Prompt[] = [];
    for (const frame of frames.slice(-MAX_OPEN)) {
      const prompt = await this.#check(frame);
      if (prompt) taken.push(prompt);
    }
    for (const prompt of taken) {
      before.delete(prompt.verificationId);
      this.#keep(prompt);
    }
    for (const verificationId of before) this.close(verificationId, "gone");
    this.#changed();
    return taken;
  }

  /** Ends a request; nothing happens when it is not open. */
  close(verificationId: string, reason: PromptClosedReason): void {
    if (!this.remove(verificationId)) return;
    this.#options.onClosed({ verification_id: verificationId, reason });
  }

  /** Takes a request out without a word, because its own answer ended it. */
  remove(verificationId: string): boolean {
    const known = this.#open.delete(verificationId);
    if (known) this.#changed();
    return known;
  }

  /** Forgets everything. */
  dispose(): void {
    clearTimeout(this.#expiry);
    this.#open.clear();
  }

  async #check(frame: Pick<PromptFrame, "signed"> & Partial<PromptFrame>): Promise<Prompt | null> {
    const { record, clock, refreshKeys, onRefused } = this.#options;
    const read = () => {
      const { jwks, audience: issuer, id: deviceId } = record;
      const check: PromptCheck = { jwks, issuer, deviceId, now: clock.now() };
      return readPrompt(frame, check);
    };
    try {
      return await read().catch(async (error) => {
        // A key that is not known yet may be the server's next one.
        const unknown = error instanceof PromptError && error.refused.reason === "unknown_key";
        if (!unknown || !(await refreshKeys())) throw error;
        return await read();
      });
    } catch (error) {
      if (!(error instanceof PromptError)) throw error;
      // A late message is no attack.
      if (error.refused.reason !== "expired") onRefused(error.refused);
      return null;
    }
  }

  #keep(prompt: Prompt): void {
    const known = this.#open.get(prompt.verificationId);
    this.#open.set(prompt.verificationId, prompt);
    if (this.#open.size > MAX_OPEN) {
      const [oldest] = this.#open.keys();
      if (oldest) this.#open.delete(oldest);
    }
    if (known?.expiresAt !== prompt.expiresAt) this.#options.onPrompt(prompt);
  }

  #changed(): void {
    this.#options.onChange(this.list());
    clearTimeout(this.#expiry);
    if (this.#open.size === 0) return;
    const soonest = Math.min(...this.list().map((prompt) => prompt.expiresAt));
    const left = Math.max(0, soonest - this.#options.clock.now());
    this.#expiry = setTimeout(() => this.#expire(), left);
  }

  #expire(): void {
    const now = this.#options.clock.now();
    for (const prompt of this.list()) {
      if (prompt.expiresAt <= now) this.close(prompt.verificationId, "expired");
    }
    this.#changed();
  }
}
