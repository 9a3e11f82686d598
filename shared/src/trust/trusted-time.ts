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
  /**
   * In holdover: by how much a battery clock is ahead of the floor. Never persisted, and gone with the first signed
   * time.
   */
  readonly batteryAheadMs?: number;
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

/**
 * A battery clock consistent with the floor carries the time over a power cut. The floor stays where it is: a battery
 * clock that was set wrong must not make the right time a step back for ever (SAFETY R15).
 */
export function withBatteryClock(clock: TrustedClock, batteryAt: Instant, monotonicMs: number): TrustedClock {
  const aheadMs = batteryAt - floorNow(clock, monotonicMs);
  if (clock.state !== "untrusted" || aheadMs < -MOST_STEP_BACK_MS || aheadMs > MOST_HOLDOVER_MS) return clock;
  return { ...clock, state: "holdover", batteryAheadMs: Math.max(0, aheadMs) };
}

/** The battery clock looked at again while the agent runs: in holdover a step over 5 minutes ends the trust in it. */
export function recheckBatteryClock(
  clock: TrustedClock,
  batteryAt: Instant | undefined,
  monotonicMs: number,
): TrustedClock {
  if (clock.state !== "holdover") return clock;
  const stepMs = batteryAt === undefined ? Number.POSITIVE_INFINITY : batteryAt - trustedNow(clock, monotonicMs);
  return Math.abs(stepMs) > MOST_STEP_BACK_MS ? { ...clock, state: "untrusted" } : clock;
}

/**
 * The floor and powered-on time since: what is persisted, and what signed time is measured against (SAFETY R15, R17).
 */
export function floorNow(clock: TrustedClock, monotonicMs: number): Instant {
  // Monotonic clocks tell fractions; an instant that is signed, stored or compared has none.
  return clock.floorAt + Math.floor(Math.max(0, monotonicMs - clock.floorMonotonicMs));
}

/** Trusted time now: at least this late. */
export function trustedNow(clock: TrustedClock, monotonicMs: number): Instant {
  return floorNow(clock, monotonicMs) + (clock.batteryAheadMs ?? 0);
}

/** Raises the floor to a signed time; an earlier one changes nothing. What the battery clock told still holds. */
export function raiseFloor(clock: TrustedClock, signedAt: Instant, monotonicMs: number): TrustedClock {
  if (signedAt <= floorNow(clock, monotonicMs)) return clock;
  const raised = { ...clock, floorAt: signedAt, floorMonotonicMs: monotonicMs };
  if (clock.batteryAheadMs === undefined) return raised;
  return { ...raised, batteryAheadMs: Math.max(0, trustedNow(clock, monotonicMs) - signedAt) };
}

/** The clock once the gateway has answered the question for the time: its word alone counts. */
export function synced(clock: TrustedClock, answeredAt: Instant, monotonicMs: number): TrustedClock {
  const { floorAt, floorMonotonicMs, freshAt } = raiseFloor(clock, answeredAt, monotonicMs);
  return { floorAt, floorMonotonicMs, freshAt, state: "synced" };
}

/** How old what we believe is, ms. */
export function staleness(clock: TrustedClock, monotonicMs: number): number {
  return Math.max(0, trustedNow(clock, monotonicMs) - clock.freshAt);
}
