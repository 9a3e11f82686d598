import type { Instant } from "../verdict.js";
import type { ClockState } from "./report.js";

/**
 * Time a Pi can rely on (SPEC 5.4): a floor that only signed time raises, plus monotonic time since. `monotonicMs` is
 * never compared with anything but itself. All functions are pure.
 */
export interface TrustedClock {
  readonly floorAt: Instant;
  /** Monotonic ms at which `floorAt` was true. */
  readonly floorMonotonicMs: number;
  readonly state: ClockState;
  /** The `now` of the newest time answer whose heartbeat is held: freshness is counted from here. */
  readonly freshAt: Instant;
}

export const HOUR_MS = 3_600_000;
/** A heartbeat may move time ahead by so much; more needs a time answer. */
export const MOST_ADVANCE_MS = 24 * HOUR_MS;
/** A step larger than this against floor plus uptime is not believed (SAFETY R17). */
export const MOST_STEP_BACK_MS = 5 * 60_000;
const MOST_HOLDOVER_MS = 400 * 24 * HOUR_MS;

/** The clock after a start: the persisted floor, untrusted until signed time arrives. */
export function clockAtBoot(floorAt: Instant, freshAt: Instant, monotonicMs: number): TrustedClock {
  return { floorAt, floorMonotonicMs: monotonicMs, state: "untrusted", freshAt };
}

/** A battery clock consistent with the floor carries the time over a power cut. */
export function withBatteryClock(clock: TrustedClock, batteryAt: Instant, monotonicMs: number): TrustedClock {
  const now = trustedNow(clock, monotonicMs);
  if (clock.state !== "untrusted" || batteryAt < now || batteryAt > now + MOST_HOLDOVER_MS) return clock;
  return { ...clock, floorAt: batteryAt, floorMonotonicMs: monotonicMs, state: "holdover" };
}

/** Trusted time now: at least this late. */
export function trustedNow(clock: TrustedClock, monotonicMs: number): Instant {
  return clock.floorAt + Math.max(0, monotonicMs - clock.floorMonotonicMs);
}

/** Raises the floor to a signed time; an earlier one changes nothing. */
export function raiseFloor(clock: TrustedClock, signedAt: Instant, monotonicMs: number): TrustedClock {
  return signedAt > trustedNow(clock, monotonicMs)
    ? { ...clock, floorAt: signedAt, floorMonotonicMs: monotonicMs }
    : clock;
}

/** How old what we believe is, ms. */
export function staleness(clock: TrustedClock, monotonicMs: number): number {
  return Math.max(0, trustedNow(clock, monotonicMs) - clock.freshAt);
}
