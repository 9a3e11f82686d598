import type { BadgeCode, ClockState, Instant, MachinePolicy, TapCode } from "@badgekey/shared";
import { modeInForce } from "./mode-in-force.js";
import type { RefusedTap } from "./tap-verdict.js";

/** These concern the machine or the site: they hold for everyone. */
const NOBODY: readonly (TapCode | BadgeCode)[] = [
  "MACHINE_UNKNOWN",
  "MACHINE_OUT_OF_SERVICE",
  "MACHINE_FAULTED",
  "TRUST_EXPIRED",
  "LISTS_STALE",
  "CLOCK_UNTRUSTED",
  "OUTSIDE_SCHEDULE",
];
/** Told alone, so that nothing is known of the rest; whoever they concern sees staff first. */
const WITHDRAWN: readonly (TapCode | BadgeCode)[] = ["BADGE_REVOKED", "BADGE_SUSPENDED"];

/**
 * True where a refused card begins a use all the same, because the machine is open to everyone: it lacks only what a
 * person lacks.
 */
export function opensToEveryone(
  { missing }: Pick<RefusedTap, "missing">,
  policy: MachinePolicy,
  { now, clock }: { readonly now: Instant; readonly clock: ClockState },
): boolean {
  if (modeInForce(policy, now, clock).kind !== "unrestrictedUntil") return false;
  return missing.every(({ code }) => !NOBODY.includes(code) && !WITHDRAWN.includes(code));
}
