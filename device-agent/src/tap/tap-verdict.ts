import type { Assurance, BadgeCode, Instant, Level, TapCode, VerifiedBadge } from "@badgekey/shared";

/** One thing that a tap lacks, with what its holder needs to know to get it. */
export interface Missing {
  readonly code: TapCode | BadgeCode;
  readonly training?: { readonly number: number; readonly name: string; readonly url: string };
  /** The level that is needed. */
  readonly level?: Level;
  /** When the grant or the badge ended. */
  readonly endedAt?: Instant;
}

export interface AcceptedTap {
  readonly ok: true;
  readonly badge: VerifiedBadge;
  /** The same for every badge of one carrier, its renewals included. */
  readonly key: string;
  readonly assurance: Assurance;
  /** The grants that open the machine: one for each training that it requires. */
  readonly grants: readonly { readonly training: number; readonly level: Level }[];
  /** When the first of them ends, or the badge. */
  readonly endsAt: Instant;
  /** A trainee, or anybody below a trainer where supervision is required: works only after a trainer's co-tap. */
  readonly needsSupervision: boolean;
  /** Trainer or steward in everything that the machine requires. */
  readonly maySupervise: boolean;
  /** Steward in everything that the machine requires: may release it. */
  readonly isSteward: boolean;
  /** What a machine that only watches would have refused, each code once; empty where it enforces. */
  readonly waived: readonly (TapCode | BadgeCode)[];
}

export interface RefusedTap {
  readonly ok: false;
  /** The first thing missing. */
  readonly code: TapCode | BadgeCode;
  readonly missing: readonly [Missing, ...Missing[]];
  /** Once its signature held. */
  readonly badge?: VerifiedBadge;
  /** Once it also came from the card or key that it is bound to: who may not start can still finish. */
  readonly key?: string;
}

export type TapVerdict = AcceptedTap | RefusedTap;
