import type { EndReason, InterlockRecord, Step } from "./interlock-event.js";
import type { Active, Armed, InterlockState, LastTap, Pending, Resting, Waiting } from "./interlock-state.js";
import { BOUNCE_MS } from "./interlock-times.js";

/** Ends a session: what waited for it comes into force, and its length is recorded. */
export function leave(
  state: Armed | Active,
  end: { readonly atMs: number; readonly reason: EndReason; readonly more?: Partial<InterlockRecord> },
): Step {
  const { session, waiting, lastTap } = state;
  const { id, holder } = session;
  const record: InterlockRecord = {
    ...end.more,
    kind: "sessionEnded",
    session: id,
    issuer: holder.issuer,
    statusIndex: holder.statusIndex,
    badge: holder.badge,
    ...(holder.holder !== undefined && { holder: holder.holder }),
    reason: end.reason,
    durationMs: end.atMs - session.startedMs,
  };
  return { state: rest(waiting, lastTap), records: [record] };
}

/** The state without a session. A fault outranks a lockout. */
export function rest({ faults, lockout }: Waiting, lastTap?: LastTap): Resting {
  const [first, ...more] = faults;
  const tapped = lastTap && { lastTap };
  if (first) return { kind: "faulted", faults: [first, ...more], ...(lockout && { lockout }), ...tapped };
  return lockout ? { kind: "lockedOut", lockout, ...tapped } : { kind: "idle", ...tapped };
}

/** The same state under other lockouts and faults; they are in force where nobody's use is in their way. */
export function withBlocks(state: InterlockState, waiting: Waiting): InterlockState {
  switch (state.kind) {
    case "idle":
    case "lockedOut":
    case "faulted":
      return rest(waiting, state.lastTap);
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
  if ((state.kind === "armed" || state.kind === "active") && state.presence === "hold") return false;
  const last = lastTapOf(state);
  return last?.key === key && atMs - last.atMs < BOUNCE_MS;
}

/** The window slides: a card at the edge of the field bounces on and on, and never counts again before it is at rest. */
export function touched(state: InterlockState, key: string, atMs: number): InterlockState {
  const lastTap = { key, atMs };
  switch (state.kind) {
    case "starting":
      return state;
    case "idle":
    case "lockedOut":
    case "faulted":
    case "armed":
    case "active":
      return { ...state, lastTap };
    case "pending":
      return { ...state, running: { ...state.running, lastTap } };
  }
}

function lastTapOf(state: InterlockState): LastTap | undefined {
  switch (state.kind) {
    case "starting":
      return undefined;
    case "idle":
    case "lockedOut":
    case "faulted":
    case "armed":
    case "active":
      return state.lastTap;
    case "pending":
      return state.running.lastTap;
  }
}
