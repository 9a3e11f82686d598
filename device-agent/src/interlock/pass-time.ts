import type { MachinePolicy } from "@badgekey/shared";
import type { InterlockRecord, Step } from "./interlock-event.js";
import { type Active, type Armed, type InterlockState, endOf } from "./interlock-state.js";
import { READER_LOST_MS } from "./interlock-times.js";
import { leave, stillPending } from "./leave.js";
import { warningMs } from "./take-tap.js";

/** What ends or is announced by time alone. Monotonic time only: a clock that jumps ends nothing (SAFETY R16). */
export function passTime(state: InterlockState, atMs: number, policy: MachinePolicy): Step {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return { state, records: [] };
    case "armed":
      return whileArmed(state, atMs, policy);
    case "active":
      return whileActive(state, atMs, policy);
    case "pending": {
      const next = whileActive(state.running, atMs, policy);
      return atMs >= state.untilMs ? next : stillPending(state, next);
    }
  }
}

function whileArmed(state: Armed, atMs: number, policy: MachinePolicy): Step {
  if (isGone(state, atMs, policy)) return leave(state, { atMs, reason: "removal" });
  if (atMs >= state.untilMs) return leave(state, { atMs, reason: "notStarted" });
  return { state, records: [] };
}

function whileActive(state: Active, atMs: number, policy: MachinePolicy): Step {
  const endsMs = endOf(state);
  if (endsMs !== undefined && atMs >= endsMs) {
    const byTime = state.endsMs !== undefined && atMs >= state.endsMs;
    return leave(state, { atMs, reason: byTime ? "time" : "withdrawn" });
  }
  if (isGone(state, atMs, policy)) return leave(state, { atMs, reason: "removal" });
  if (isLost(state, atMs, policy)) return leave(state, { atMs, reason: "readerLost" });
  const { contact } = state;
  const over = contact.kind === "pulse" && atMs >= contact.untilMs;
  const settled: Active = over ? { ...state, contact: { kind: "released" } } : state;
  if (settled.warned || settled.endsMs === undefined || policy.session.warnSeconds === 0) {
    return { state: settled, records: [] };
  }
  if (atMs < settled.endsMs - warningMs(policy)) return { state: settled, records: [] };
  const warning: InterlockRecord = { kind: "sessionWarned", session: state.session.id };
  return { state: { ...settled, warned: true }, records: [warning] };
}

function isGone({ removedMs }: Armed | Active, atMs: number, { session }: MachinePolicy): boolean {
  return removedMs !== undefined && atMs - removedMs >= session.removalGraceMs;
}

function isLost({ readerLostMs }: Active, atMs: number, { session }: MachinePolicy): boolean {
  return readerLostMs !== undefined && atMs - readerLostMs >= session.removalGraceMs + READER_LOST_MS;
}
