import type { EndReason, InterlockRecord, Step } from "./interlock-event.js";
import {
  type Active,
  type Armed,
  type Holder,
  type InterlockState,
  type LastTap,
  type Pending,
  type Requested,
  type Resting,
  type Waiting,
  type Candidate,
} from "./interlock-state.js";
import type { Sight } from "./sight.js";
import { BOUNCE_MS } from "./interlock-times.js";

interface Ending {
  readonly atMs: number;
  readonly reason: EndReason;
  readonly more?: Partial<InterlockRecord>;
  /** The trainer goes on answering for the next one. */
  readonly keepsSupervision?: boolean;
}

/** Ends a session: what waited for it comes into force, and its length is recorded. */
export function leave(state: Armed | Active, end: Ending): Step {
  const { session, supervision, waiting, lastTap, sight } = state;
  const record: InterlockRecord = {
    ...end.more,
    kind: "sessionEnded",
    session: session.id,
    ...(session.holder && session.isNamed && identityOf(session.holder)),
    reason: end.reason,
    durationMs: end.atMs - session.startedMs,
  };
  const supervised = supervision && !supervision.over && !end.keepsSupervision;
  const ended: InterlockRecord[] = supervised
    ? [
        {
          kind: "supervisionEnded",
          session: session.id,
          reason: end.reason,
          ...(supervision.by !== undefined && { by: supervision.by }),
        },
      ]
    : [];
  return { state: rest(waiting, sight, lastTap), records: [...ended, record] };
}

/** A trainee's tap that no trainer's followed: nothing began, nothing ends. */
export function dismiss({ candidate, waiting, sight, lastTap }: Requested): Step {
  const record: InterlockRecord = { kind: "tapRefused", code: "SUPERVISION_REQUIRED", ...tapFacts(candidate) };
  return { state: rest(waiting, sight, lastTap), records: [record] };
}

/** The badge that a record names. */
function identityOf({ holder, issuer, statusIndex, badge }: Holder): Partial<InterlockRecord> {
  return { issuer, statusIndex, badge, ...(holder !== undefined && { holder }) };
}

/** What the record of a tap says of it. */
export function tapFacts({ holder, decisionUs }: Candidate): Partial<InterlockRecord> {
  const { grants, assurance } = holder;
  return { ...identityOf(holder), grants, assurance, ...(decisionUs !== undefined && { decisionUs }) };
}

/** The state without a session. A fault outranks a lockout. */
export function rest({ faults, lockout }: Waiting, sight: Sight, lastTap?: LastTap): Resting {
  const [first, ...more] = faults;
  const common = { sight, ...(lastTap && { lastTap }) };
  if (first) return { kind: "faulted", faults: [first, ...more], ...(lockout && { lockout }), ...common };
  return lockout ? { kind: "lockedOut", lockout, ...common } : { kind: "idle", ...common };
}

/** The same state under other lockouts and faults; they are in force where nobody's use is in their way. */
export function withBlocks(state: InterlockState, waiting: Waiting): InterlockState {
  switch (state.kind) {
    case "idle":
    case "lockedOut":
    case "faulted":
      return rest(waiting, state.sight, state.lastTap);
    case "starting":
    case "armed":
    case "active":
      return { ...state, waiting };
    case "pending":
      return { ...state, running: { ...state.running, waiting } };
  }
}

/** A pending handover survives what happens to the running session as long as that runs. */
export function stillPending(pending: Pending, next: Step): Step {
  return next.state.kind === "active" ? { ...next, state: { ...pending, running: next.state } } : next;
}

export function isBounce(state: InterlockState, key: string, atMs: number): boolean {
  // A card that must stay in is taken out and put back on purpose, and its own grace decides.
  if (staysIn(state)) return false;
  const last = lastTapOf(state);
  return last?.key === key && atMs - last.atMs < BOUNCE_MS;
}

function staysIn(state: InterlockState): boolean {
  if (state.kind === "active") return state.presence === "hold";
  return state.kind === "armed" && state.waitsFor !== "coTap" && state.presence === "hold";
}

/**
 * The window slides: a card at the edge of the field bounces on and on, and never counts again before it is at rest.
 */
export function touched(state: InterlockState, key: string, atMs: number): InterlockState {
  const lastTap = { key, atMs };
  if (state.kind === "starting") return state;
  return state.kind === "pending" ? { ...state, running: { ...state.running, lastTap } } : { ...state, lastTap };
}

function lastTapOf(state: InterlockState): LastTap | undefined {
  return state.kind === "pending" ? state.running.lastTap : state.lastTap;
}

export function stay(state: InterlockState): Step {
  return { state, records: [] };
}

/** One step after the other: what both leave to be remembered, in their order. */
export function andThen(first: Step, next: (state: InterlockState) => Step): Step {
  const { state, records } = next(first.state);
  return { state, records: first.records.length === 0 ? records : [...first.records, ...records] };
}
