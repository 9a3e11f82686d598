import { BADGE_MAX_LIFE_MS, DAY_MS, type Grant, type Instant } from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import type { HeldGrant } from "./ports.js";

export interface GrantPlan {
  readonly expiresAt: Instant;
  /** As they stand in the badge. */
  readonly grants: readonly Grant[];
  /** The same with the end each has in the badge: whole days before its end, never later than the training's. */
  readonly effective: readonly HeldGrant[];
}

/**
 * Lays grants with their own ends into one badge: it ends with the latest, at most 400 days from
 * `now`; the others say how many days before. Refused: CONFLICT where nothing lives on.
 */
export function planGrants(held: readonly HeldGrant[], now: Instant, notAfter = Number.POSITIVE_INFINITY): GrantPlan {
  const best = new Map<number, HeldGrant>();
  for (const grant of held) {
    const other = best.get(grant.training);
    // One grant a training: the higher level while it lives, then the longer one.
    if (!other || rank(grant, now) > rank(other, now)) best.set(grant.training, grant);
  }
  const latest = Math.max(...[...best.values()].map(({ endsAt }) => endsAt));
  // Whole seconds, as on the wire; iat is rounded down too, which keeps the difference within 400 days.
  const issuedAt = Math.floor(now / 1000) * 1000;
  const expiresAt = Math.floor(Math.min(latest, notAfter, issuedAt + BADGE_MAX_LIFE_MS) / 1000) * 1000;
  if (best.size === 0 || expiresAt <= now) {
    throw new RefusedError("CONFLICT", "no training of this person reaches into the future", {
      hint: "record a training first",
    });
  }
  const grants: Grant[] = [];
  const effective: HeldGrant[] = [];
  for (const { training, level, endsAt } of [...best.values()].sort((a, b) => a.training - b.training)) {
    const daysBefore = Math.max(0, Math.ceil((expiresAt - endsAt) / DAY_MS));
    // More than the format can say, and long over.
    if (daysBefore > 400) continue;
    grants.push({ training, level, daysBefore });
    effective.push({ training, level, endsAt: expiresAt - daysBefore * DAY_MS });
  }
  return { expiresAt, grants, effective };
}

function rank({ level, endsAt }: HeldGrant, now: Instant): number {
  return endsAt > now ? level * 1e15 + endsAt : endsAt - 1e15;
}
