import type { Instant } from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import { requireBadge } from "./issue-badge.js";
import type { Badge, BadgeStore, HeldState, StaffAction } from "./ports.js";
import type { StatusBits } from "./status-bits.js";

export interface ChangeDeps {
  readonly store: BadgeStore;
  readonly bits: StatusBits;
  /** Signs and sends the status list and a heartbeat; resolves with the list's version. */
  readonly publishStatus: () => Promise<number>;
  readonly clock: () => Instant;
}

export interface Changed {
  readonly badge: Badge;
  /** The status list that first holds the change. */
  readonly statusVersion: number;
}

const transitions = {
  // Final: a revoked index never becomes valid again.
  revoke: { from: ["awaitingCard", "valid", "suspended", "superseded"], to: "revoked" },
  suspend: { from: ["valid"], to: "suspended" },
  reinstate: { from: ["suspended"], to: "valid" },
} as const satisfies Record<StaffAction["action"], { from: readonly HeldState[]; to: HeldState }>;

/**
 * Withdraws a badge, holds it, or lifts the hold: one transaction for status, reason, operator and
 * instant, then a new status list and heartbeat. Refused: NOT_FOUND, CONFLICT where its state does not allow it.
 */
export async function changeBadge(
  id: string,
  action: StaffAction["action"],
  { reason, operator }: { readonly reason: string; readonly operator: string },
  { store, bits, publishStatus, clock }: ChangeDeps,
): Promise<Changed> {
  const { from, to } = transitions[action];
  const changed = await store.changeState(id, from, to, { action, operator, reason, at: clock() });
  if (!changed) {
    const badge = await requireBadge(id, store);
    throw new RefusedError("CONFLICT", `the badge is ${badge.state}: it cannot be ${done[action]}`, {
      ...(badge.state === "revoked" && { hint: "withdrawn is final: issue a new badge" }),
    });
  }
  bits.mark(id, changed.statusIndex, changed.state);
  const statusVersion = await publishStatus();
  return { badge: { ...changed, statusVersion }, statusVersion };
}

const done = { revoke: "withdrawn", suspend: "put on hold", reinstate: "reinstated" } as const;
