import type { MachinePolicy } from "@badgekey/shared";
import type { InterlockRecord, Step } from "./interlock-event.js";
import type { Active, Armed, InterlockState, WarningReason } from "./interlock-state.js";
import { dismiss, leave, stay, stillPending, andThen } from "./leave.js";
import { type Warning, dueEnd, warningsOf } from "./session-end.js";
import { raiseFault } from "./set-blocks.js";
import { endSupervision } from "./supervise.js";

/** What ends or is announced by time alone. Monotonic time only: a clock that jumps ends nothing (SAFETY R16). */
export function passTime(state: InterlockState, atMs: number, policy: MachinePolicy): Step {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return stay(state);
    case "armed":
      if (atMs < state.untilMs) return stay(state);
      return state.waitsFor === "coTap" ? dismiss(state) : giveUp(state, atMs);
    case "active":
      return whileActive(state, atMs, policy);
    case "pending": {
      const next = whileActive(state.running, atMs, policy);
      return atMs >= state.untilMs ? next : stillPending(state, next);
    }
  }
}

/** What an armed session waited for did not come. */
function giveUp(state: Armed, atMs: number): Step {
  switch (state.waitsFor) {
    case "card":
      return leave(state, { atMs, reason: "removal" });
    case "startButton":
      return leave(state, { atMs, reason: "notStarted" });
    case "extraction":
      // SAFETY R11: missing extraction feedback forbids a grant.
      return raiseFault(state, { fault: "EXTRACTION_MISSING", severity: "whenIdle", atMs });
  }
}

function whileActive(state: Active, atMs: number, policy: MachinePolicy): Step {
  const supervisedUntilMs = state.supervision?.endsMs;
  const isUnsupervised = supervisedUntilMs !== undefined && atMs >= supervisedUntilMs;
  const attended = isUnsupervised ? endSupervision(state, { atMs, reason: "time" }, policy) : stay(state);
  return andThen(attended, (next) => {
    if (next.kind !== "active") return stay(next);
    const reason = dueEnd(next, atMs, policy);
    return reason === undefined ? announce(released(next, atMs), atMs, policy) : leave(next, { atMs, reason });
  });
}

/** SAFETY R3: a start permission is over after its seconds, the use is not. */
function released(state: Active, atMs: number): Active {
  const { contact } = state;
  return contact.kind === "pulse" && atMs >= contact.untilMs ? { ...state, contact: { kind: "released" } } : state;
}

/** Tells each warning once as long as it holds. */
export function announce(state: Active, atMs: number, policy: MachinePolicy): Step {
  const warnings = warningsOf(state, atMs, policy);
  const records = warnings.filter(({ reason }) => !state.told.includes(reason)).map((one) => warningRecord(state, one));
  const told = warnings.map(({ reason }) => reason);
  return { state: sameReasons(told, state.told) ? state : { ...state, told }, records };
}

function warningRecord({ session, withdrawn }: Active, { reason }: Warning): InterlockRecord {
  const record = { session: session.id, reason };
  if (reason === "overrun") return { kind: "sessionOverran", session: session.id };
  return { kind: "sessionWarned", ...record, ...(reason === "withdrawn" && withdrawn && { code: withdrawn.code }) };
}

function sameReasons(some: readonly WarningReason[], others: readonly WarningReason[]): boolean {
  return some.length === others.length && some.every((reason) => others.includes(reason));
}
