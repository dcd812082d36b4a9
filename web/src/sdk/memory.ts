/**
 * Where a page keeps one text over a reload, for example under a key of its `sessionStorage`. It
 * holds a credential of one verification and the number, so it should end with the tab.
 */
export interface Memory {
  load(): string | null;
  save(value: string | null): void;
}

/** What is worth keeping of a number that is being proved. */
export interface Kept {
  /** The number that the page began with, or "": another beginning is another story. */
  asked: string;
  /** The number to prove, E.164. */
  phoneNumber: string;
  /** Absent while the answer to a send is awaited. */
  verificationId?: string;
  clientSecret?: string;
}

/** Reads and writes what is kept. Storage that is full, forbidden or spoiled keeps nothing. */
export class Notebook {
  readonly #memory: Memory | undefined;

  constructor(memory: Memory | undefined) {
    this.#memory = memory;
  }

  /** What was kept since the page began with this number; null when nothing was. */
  read(asked: string): Kept | null {
    try {
      const kept = JSON.parse(this.#memory?.load() ?? "null") as Partial<Kept> | null;
      if (kept?.asked !== asked || typeof kept.phoneNumber !== "string") return null;
      const whole =
        typeof kept.verificationId === "string" && typeof kept.clientSecret === "string";
      return whole ? (kept as Kept) : { asked, phoneNumber: kept.phoneNumber };
    } catch {
      return null;
    }
  }

  /** Keeps this instead of what was kept; null forgets it. */
  write(kept: Kept | null): void {
    try {
      this.#memory?.save(kept && JSON.stringify(kept));
    } catch {
      // Then a reload asks the server.
    }
  }
}
