export interface BackOff {
  /** Upper end of the first delay, ms; doubled with every failure that follows. */
  readonly firstMs: number;
  /** Upper end of every delay, ms. */
  readonly mostMs: number;
}

/**
 * Full jitter: anything from nothing to the present upper end, so that a site's agents do not come back in one wave
 * after the gateway was away. `failures` counts from 0, `random` is in [0, 1). Milliseconds.
 */
export function fullJitter({ firstMs, mostMs }: BackOff, failures: number, random: number): number {
  // 2 ** 1024 is Infinity, which min turns into mostMs: no overflow, however long the link is down.
  return Math.floor(random * Math.min(mostMs, firstMs * 2 ** failures));
}
