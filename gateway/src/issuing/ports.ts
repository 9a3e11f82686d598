import type { Instant, Level } from "@badgekey/shared";

export type HeldState = "awaitingCard" | "valid" | "suspended" | "superseded" | "revoked";

export interface HeldGrant {
  readonly training: number;
  readonly level: Level;
  readonly endsAt: Instant;
}

/** A badge as the gateway knows it; `bytes` once it is signed. */
export interface Badge {
  readonly id: string;
  readonly person: string;
  /** Kid of the issuer, hex. */
  readonly issuer: string;
  readonly statusIndex: number;
  readonly pseudonym: string;
  readonly state: HeldState;
  readonly grants: readonly HeldGrant[];
  readonly reservedAt: Instant;
  readonly issuedAt: Instant | null;
  readonly expiresAt: Instant;
  /** Hex. */
  readonly cardUid: string | null;
  readonly bytes: Uint8Array | null;
  readonly reason: string | null;
  readonly statusVersion: number | null;
}

export type Reservation = Pick<
  Badge,
  "id" | "person" | "issuer" | "statusIndex" | "pseudonym" | "grants" | "reservedAt" | "expiresAt"
>;

/** Why and by whom a badge's state changes. */
export interface StaffAction {
  readonly action: "revoke" | "suspend" | "reinstate";
  readonly operator: string;
  readonly reason: string;
  readonly at: Instant;
}

export interface BadgeStore {
  badge(id: string): Promise<Badge | undefined>;
  badges(filter: { readonly person?: string; readonly cardUid?: string }): Promise<readonly Badge[]>;
  /** Badges whose status is not "valid": what the status list is made of. */
  marked(issuer: string): Promise<readonly Pick<Badge, "id" | "statusIndex" | "state" | "statusVersion">[]>;
  countBadges(): Promise<number>;
  /** Commits the intent: id, index and pseudonym are taken for good. False where one of them was taken before. */
  reserve(reservation: Reservation): Promise<boolean>;
  /** Commits what was signed. False where the badge is not waiting for that any more. */
  markIssued(
    id: string,
    issued: {
      readonly bytes: Uint8Array;
      readonly issuedAt: Instant;
      readonly expiresAt: Instant;
      readonly grants: readonly HeldGrant[];
      readonly cardUid: string | null;
    },
  ): Promise<boolean>;
  /**
   * One transaction: state, reason, operator and instant. Undefined where the badge is in none of the states `from`.
   */
  changeState(id: string, from: readonly HeldState[], to: HeldState, action: StaffAction): Promise<Badge | undefined>;
}
