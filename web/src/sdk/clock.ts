// A reading was always under way for a while, so each one puts the server's clock too low: of the
// last few the highest is the best. Few, so that a local clock that was set is found out within
// seconds of ticks.
const READINGS = 8;

/**
 * The server's clock as seen from here: the local one plus an offset learned from every
 * `server_time`. All deadlines are compared with it, so a wrong local clock and a long sleep
 * change nothing.
 */
export class ServerClock {
  readonly #readings: number[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Learns from a time that the server just told (RFC 3339, or an HTTP `Date`); rubbish is ignored. */
  observe(serverTime: string | null | undefined): void {
    const told = Date.parse(serverTime ?? "");
    if (Number.isNaN(told)) return;
    this.#readings.push(told - this.#now());
    if (this.#readings.length > READINGS) this.#readings.shift();
  }

  /** Learns from a time that may have been told long ago: it is at least that late. */
  notBefore(serverTime: string | null | undefined): void {
    if (Date.parse(serverTime ?? "") > this.now()) this.observe(serverTime);
  }

  /** Milliseconds to add to the local clock; 0 before the first reading. */
  get offset(): number {
    return this.#readings.length === 0 ? 0 : Math.max(...this.#readings);
  }

  /** The server's time in epoch milliseconds. */
  now(): number {
    return this.#now() + this.offset;
  }

  /** The server's time in whole epoch seconds, for the `iat` of a token. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }
}
