import type { Assurance, BadgeCode, FaultCode, Level, Lockout, TapCode } from "@badgekey/shared";
import { NOTHING_SEEN, type Sight } from "./sight.js";

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
  /** Absent at a machine that is open to everyone: any tap or press ends it. */
  readonly holder?: Holder;
  /** False where a machine that only watches would have refused: the records of the use name nobody. */
  readonly isNamed: boolean;
  /** When the tap was accepted. */
  readonly startedMs: number;
}

/** A trainer answers for the session. */
export interface Supervision {
  /** Of the trainer's badge. */
  readonly key: string;
  /** The trainer's pseudonym. */
  readonly by?: string | undefined;
  /** Absent where the policy sets no maximum. */
  readonly endsMs?: number | undefined;
  /** Keys of those who worked under it, one after the other. */
  readonly trainees: readonly string[];
  /** Set once it is over: by its time or because the trainer left. */
  readonly over?: { readonly sinceMs: number; readonly end: UseEnd } | undefined;
}

/** What is left to a use whose ground is gone (SAFETY R10). */
export interface UseEnd {
  /** At this moment, whatever the machine does. */
  readonly endsMs?: number | undefined;
  /** From this moment on as soon as the machine is known not to be busy. */
  readonly freeFromMs?: number | undefined;
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
export interface Withdrawn extends UseEnd {
  readonly code: BadgeCode;
  /** A controlled stop is asked of the machine meanwhile. */
  readonly stop: boolean;
}

/** Why a running use is announced to end, or needs its holder's attention. */
export type WarningReason = "time" | "overrun" | "idle" | "supervision" | "withdrawn" | "extraction";

interface Common {
  readonly sight: Sight;
  readonly lastTap?: LastTap | undefined;
}

/** A trainee's accepted tap, to be followed by a trainer's; the log knows of no session yet, the contact is open. */
export interface Requested extends Common {
  readonly kind: "armed";
  readonly waitsFor: "coTap";
  readonly candidate: Candidate;
  readonly cardPresent: boolean;
  readonly untilMs: number;
  readonly waiting: Waiting;
}

/** A session that may close the contact as soon as what it waits for is there; contact open (SAFETY R7, R11). */
export interface Armed extends Common {
  readonly kind: "armed";
  /** The card that must stay in; the extraction's feedback; the start button. */
  readonly waitsFor: "card" | "extraction" | "startButton";
  readonly session: Session;
  readonly presence: "tap" | "hold";
  readonly supervision?: Supervision | undefined;
  readonly untilMs: number;
  readonly waiting: Waiting;
}

export interface Active extends Common {
  readonly kind: "active";
  readonly session: Session;
  readonly presence: "tap" | "hold";
  readonly supervision?: Supervision | undefined;
  readonly contact: Contact;
  /** When the contact closed for this session first. */
  readonly activeMs: number;
  /** The end of its time; absent where the policy sets no maximum. */
  readonly endsMs?: number | undefined;
  /** What was announced and still holds. */
  readonly told: readonly WarningReason[];
  /** Since when the card that must stay in is away. */
  readonly removedMs?: number | undefined;
  /** Since when no reader can tell whether the card that must stay in is still there. */
  readonly readerLostMs?: number | undefined;
  readonly withdrawn?: Withdrawn | undefined;
  readonly waiting: Waiting;
}

/** Someone else's accepted tap while the session runs on: to be confirmed by a second one, or by a trainer's co-tap. */
export interface Pending {
  readonly kind: "pending";
  readonly waitsFor: "confirmation" | "coTap";
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
  /**
   * What a machine that only watches would have refused; empty elsewhere. The session then has no holder in the log.
   */
  readonly waived: readonly (TapCode | BadgeCode)[];
}

export interface Idle extends Common {
  readonly kind: "idle";
}

export interface LockedOut extends Common {
  readonly kind: "lockedOut";
  readonly lockout: Lockout;
}

/** A fault outranks a lockout: clearing the lockout must not hide the fault, nor the other way round. */
export interface Faulted extends Common {
  readonly kind: "faulted";
  readonly faults: readonly [FaultCode, ...FaultCode[]];
  readonly lockout?: Lockout;
}

/** Marks of the last run are not read yet: nothing may start. */
export interface Starting extends Common {
  readonly kind: "starting";
  readonly waiting: Waiting;
}

export type Resting = Idle | LockedOut | Faulted;
export type InterlockState = Starting | Resting | Requested | Armed | Active | Pending;

export const STARTING: InterlockState = { kind: "starting", waiting: { faults: [] }, sight: NOTHING_SEEN };

/** The one session there is, if there is one. A trainee who waits for a trainer has none yet. */
export function sessionOf(state: InterlockState): Session | undefined {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return undefined;
    case "armed":
      return state.waitsFor === "coTap" ? undefined : state.session;
    case "active":
      return state.session;
    case "pending":
      return state.running.session;
  }
}

/** Whose card counts at the machine now: the session's holder, or the trainee who waits for a trainer. */
export function holderKeyOf(state: InterlockState): string | undefined {
  return state.kind === "armed" && state.waitsFor === "coTap"
    ? state.candidate.holder.key
    : sessionOf(state)?.holder?.key;
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

/** What the machine's contacts told. */
export function sightOf(state: InterlockState): Sight {
  return state.kind === "pending" ? state.running.sight : state.sight;
}

export function withSight(state: InterlockState, sight: Sight): InterlockState {
  return state.kind === "pending" ? { ...state, running: { ...state.running, sight } } : { ...state, sight };
}
