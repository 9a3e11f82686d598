import type { ClockState, Instant, MachinePolicy, TapCode } from "@badgekey/shared";
import { isWithinSchedule } from "./schedule.js";

export interface SiteFacts {
  readonly site: {
    readonly root: { readonly expiresAt: Instant };
    readonly trust?: { readonly expiresAt: Instant };
    readonly policy?: { readonly timeZone: string };
  };
  /** Trusted time. */
  readonly now: Instant;
  readonly clock: ClockState;
  readonly stalenessMs: number;
}

/** What stands in the way of everybody at a machine with this policy, whatever they show or press. */
export function missingAtSite({ site, now, clock, stalenessMs }: SiteFacts, policy: MachinePolicy): readonly TapCode[] {
  const codes: TapCode[] = [];
  if (now >= site.root.expiresAt || (site.trust && now >= site.trust.expiresAt)) codes.push("TRUST_EXPIRED");
  // Powered-on time raises the floor and so counts here: an agent without confirmed time stops as others do (R17).
  if (stalenessMs > policy.staleness.refuseAfterSeconds * 1000) codes.push("LISTS_STALE");
  if (clock === "untrusted" && policy.untrustedClock === "refuse") codes.push("CLOCK_UNTRUSTED");
  if (!isWithinSchedule(policy.schedule, now, site.policy?.timeZone ?? "UTC")) codes.push("OUTSIDE_SCHEDULE");
  return codes;
}
