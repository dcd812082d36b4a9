// As many as the server keeps for a slow reader; more than that is a gap that will not close.
const MAX_WAITING = 64;

/**
 * Puts numbered things in order: each comes out exactly once, without gaps. What arrives too
 * early waits for the missing ones, what arrives again is dropped.
 */
export class Sequence<Item> {
  #last: number | null;
  readonly #waiting = new Map<number, Item>();

  /** `last` is the newest number already handled; null when that is not known yet. */
  constructor(last: number | null = null) {
    this.#last = last;
  }

  /** The newest number that came out. */
  get last(): number | null {
    return this.#last;
  }

  /** Whether something waits for a missing number. */
  get hasGap(): boolean {
    return this.#waiting.size > 0;
  }

  /** How many wait for a missing number; at most 64. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes one in, and returns what can come out now. Before the start is known nothing can wait. */
  offer(seq: number, item: Item): [number, Item][] {
    if (!Number.isSafeInteger(seq)) return [];
    if (this.#last === null) this.#last = seq - 1;
    if (seq <= this.#last) return [];
    this.#waiting.set(seq, item);
    if (this.#waiting.size > MAX_WAITING) return this.skipGap();
    return this.#drain();
  }

  /** Starts over after `seq`: what came before it will not come any more. */
  rebase(seq: number): void {
    if (this.#last !== null && seq <= this.#last) return;
    this.#last = seq;
    for (const waiting of [...this.#waiting.keys()]) {
      if (waiting <= seq) this.#waiting.delete(waiting);
    }
  }

  /** Gives up on the missing ones and goes on with the oldest that is here. */
  skipGap(): [number, Item][] {
    if (this.#waiting.size === 0) return [];
    this.#last = Math.min(...this.#waiting.keys()) - 1;
    return this.#drain();
  }

  #drain(): [number, Item][] {
    const ready: [number, Item][] = [];
    for (;;) {
      const seq = (this.#last ?? 0) + 1;
      const item = this.#waiting.get(seq);
      if (item === undefined) return ready;
      this.#waiting.delete(seq);
      this.#last = seq;
      ready.push([seq, item]);
    }
  }
}
