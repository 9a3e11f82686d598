import type { Assurance, BadgeCode, FaultCode, Level, Lockout, TapCode } from "@badgekey/shared";

/**
 * What the interlock knows, as a union: each state holds what it needs and nothing that could contradict it. All `…Ms`
 * are milliseconds of one monotonic clock (SAFETY R16).
 */

/** Whose use it is: the facts of one accepted badge. */
export interface Holder {
  /** The same for every badge of one carrier, its renewals included; never shown or recorded. */
  readonly key: string;
  /** Pseudonym; absent in the compact profile. */
  readonly holder?: string;
  /** Kid of the issuer: 4 bytes. */
  readonly issuer: Uint8Array;
  readonly statusIndex: number;
  /** First 8 bytes of the badge's SHA-256. */
  readonly badge: Uint8Array;
  /** The grants that opened the machine. */
  readonly grants: readonly { readonly training: number; readonly level: Level }[];
  readonly assurance: Assurance;
}

export interface Session {
  /** 8 random bytes. */
  readonly id: Uint8Array;
  readonly holder: Holder;
  /** When the tap was accepted. */
  readonly startedMs: number;
}

/** What comes into force as soon as nobody's use is in its way. */
export interface Waiting {
  readonly lockout?: Lockout;
  /** Each once, in the order in which they came. */
  readonly faults: readonly FaultCode[];
}

/** The tap that a bouncing reader would repeat. */
export interface LastTap {
  readonly key: string;
  readonly atMs: number;
}

/** The machine's contact during a session: closed as long as it lasts, or for the time of a start permission. */
export type Contact =
  { readonly kind: "held" } | { readonly kind: "pulse"; readonly untilMs: number } | { readonly kind: "released" };

/** The badge was withdrawn while its session runs: what the policy then leaves to it (SAFETY R10). */
export interface Withdrawn {
  readonly endsMs: number;
  /** A controlled stop is asked of the machine meanwhile. */
  readonly stop: boolean;
}

/** Accepted; waits for the start button, contact open (SAFETY R7). */
export interface Armed {
  readonly kind: "armed";
  readonly session: Session;
  readonly presence: "tap" | "hold";
  readonly untilMs: number;
  /** Since when the card that must stay in is away. */
  readonly removedMs?: number | undefined;
  readonly waiting: Waiting;
  readonly lastTap: LastTap;
}

export interface Active {
  readonly kind: "active";
  readonly session: Session;
  readonly presence: "tap" | "hold";
  readonly contact: Contact;
  /** The latest end; absent where the policy sets no maximum. */
  readonly endsMs?: number;
  readonly warned: boolean;
  readonly removedMs?: number | undefined;
  /** Since when no reader can tell whether the card that must stay in is still there. */
  readonly readerLostMs?: number | undefined;
  readonly withdrawn?: Withdrawn | undefined;
  readonly waiting: Waiting;
  readonly lastTap: LastTap;
}

/** Someone else's accepted tap, to be confirmed by a second one while the session runs on. */
export interface Pending {
  readonly kind: "pending";
  readonly running: Active;
  readonly candidate: Candidate;
  readonly untilMs: number;
}

/** An accepted tap that may become a session. */
export interface Candidate {
  /** 8 random bytes: the id of the session, should one begin. */
  readonly session: Uint8Array;
  readonly holder: Holder;
  /** From the card's last byte to the verdict, for the record. */
  readonly decisionUs?: number;
  /** A trainee: works only after a trainer's co-tap. */
  readonly needsSupervision: boolean;
  /** Trainer or steward in what the machine requires. */
  readonly maySupervise: boolean;
  /** Steward in what the machine requires: may release it. */
  readonly isSteward: boolean;
  /** What a machine that only watches would have refused; empty elsewhere. The session then has no holder in the log. */
  readonly waived: readonly (TapCode | BadgeCode)[];
}

export type Resting =
  | { readonly kind: "idle"; readonly lastTap?: LastTap }
  | { readonly kind: "lockedOut"; readonly lockout: Lockout; readonly lastTap?: LastTap }
  /** A fault outranks a lockout: clearing the lockout must not hide the fault, nor the other way round. */
  | {
      readonly kind: "faulted";
      readonly faults: readonly [FaultCode, ...FaultCode[]];
      readonly lockout?: Lockout;
      readonly lastTap?: LastTap;
    };

export type InterlockState =
  /** Marks of the last run are not read yet: nothing may start. */
  { readonly kind: "starting"; readonly waiting: Waiting } | Resting | Armed | Active | Pending;

export const STARTING: InterlockState = { kind: "starting", waiting: { faults: [] } };

/** The one session there is, if there is one. */
export function sessionOf(state: InterlockState): Session | undefined {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return undefined;
    case "armed":
    case "active":
      return state.session;
    case "pending":
      return state.running.session;
  }
}

/** Lockout and faults, in force or waiting for the end of a session: what marks keep over a restart (SAFETY R5). */
export function blocksOf(state: InterlockState): Waiting {
  switch (state.kind) {
    case "idle":
      return { faults: [] };
    case "lockedOut":
      return { lockout: state.lockout, faults: [] };
    case "faulted":
      return { faults: state.faults, ...(state.lockout && { lockout: state.lockout }) };
    case "starting":
    case "armed":
    case "active":
      return state.waiting;
    case "pending":
      return state.running.waiting;
  }
}

/** When a running session ends if nobody does anything; undefined where nothing ends it. */
export function endOf({ endsMs, withdrawn }: Active): number | undefined {
  if (!withdrawn) return endsMs;
  return endsMs === undefined ? withdrawn.endsMs : Math.min(endsMs, withdrawn.endsMs);
}
