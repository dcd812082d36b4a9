/** How long a client waits before it tries again. */
export interface BackoffPolicy {
  /** The first ceiling in milliseconds. */
  firstMs: number;
  /** No ceiling is above this. */
  maxMs: number;
}

/** The contract's pace (section 6): 0.5 s, doubling to 30 s. */
export const DEFAULT_BACKOFF: BackoffPolicy = { firstMs: 500, maxMs: 30_000 };

/**
 * Full jitter: anything between nothing and a ceiling that doubles with each failed attempt, so
 * that clients cut off together do not come back together. `random` is in [0, 1).
 */
export function backoff(
  attempt: number,
  random: number,
  policy: BackoffPolicy = DEFAULT_BACKOFF,
): number {
  const ceiling = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random * ceiling);
}
