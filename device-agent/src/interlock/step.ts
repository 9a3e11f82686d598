import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import type { EndReason, InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import { type Active, type Armed, type InterlockState, blocksOf } from "./interlock-state.js";
import { WITHDRAWN_MS } from "./interlock-times.js";
import { isBounce, leave, rest, stillPending, touched, withBlocks } from "./leave.js";
import { passTime } from "./pass-time.js";
import { activate, tapAccepted } from "./take-tap.js";

type On<K extends InterlockEvent["kind"]> = Extract<InterlockEvent, { kind: K }>;

/**
 * The interlock: one event to the next state and what must be remembered (DESIGN section 6, SAFETY). It never awaits,
 * logs or reads a clock. A relay that closes does so only out of `tapAccepted`, or of `startPressed` after one.
 */
export function step(state: InterlockState, event: InterlockEvent, policy: MachinePolicy): Step {
  switch (event.kind) {
    case "started":
      return started(state, event);
    case "stopped":
      return stopped(state, event);
    case "faultRaised":
      return faultRaised(state, event);
    case "faultCleared":
      return faultCleared(state, event);
    case "startNotLogged":
      return startNotLogged(state, event);
    case "outOfServiceSet":
      return outOfServiceSet(state, event);
    case "outOfServiceCleared":
      return outOfServiceCleared(state, event);
    case "endPressed":
      return endAs(state, event.atMs, "button");
    case "endOrdered":
      return endAs(state, event.atMs, "command", { by: event.by, command: event.command });
    case "startPressed":
      return startPressed(state, event, policy);
    case "cardRemoved":
      return onRunning(state, (running) => cardRemoved(running, event));
    case "readerLost":
      return onRunning(state, (running) => readerLost(running, event));
    case "badgeStatusChanged":
      return onRunning(state, (running) => badgeStatusChanged(running, event, policy));
    case "policyChanged":
      // A handover that the policy no longer allows must not be confirmed any more.
      return state.kind === "pending" && policy.handover !== "confirm" ? stay(state.running) : stay(state);
    case "tapAccepted":
      return isBounce(state, event.candidate.holder.key, event.atMs)
        ? stay(touched(state, event.candidate.holder.key, event.atMs))
        : tapAccepted(state, event, policy);
    case "tapRefused":
      return tapRefused(state, event);
    case "tick":
      return passTime(state, event.atMs, policy);
  }
}

function stay(state: InterlockState): Step {
  return { state, records: [] };
}

/** SAFETY R5: sessions are never loaded; out of service and latched faults always are. */
function started(state: InterlockState, event: On<"started">): Step {
  if (state.kind !== "starting") return stay(state);
  const faults = [...new Set([...event.faults, ...state.waiting.faults])];
  const lockout = event.lockout ?? state.waiting.lockout;
  return stay(rest({ faults, ...(lockout && { lockout }) }));
}

function stopped(state: InterlockState, { atMs }: On<"stopped">): Step {
  const { records } = endAs(state, atMs, "stopped");
  return { state: { kind: "starting", waiting: blocksOf(state) }, records };
}

function faultRaised(state: InterlockState, event: On<"faultRaised">): Step {
  const before = blocksOf(state);
  const isNew = !before.faults.includes(event.fault);
  const raised: InterlockRecord[] = isNew ? [{ kind: "faultRaised", code: event.fault }] : [];
  const marked = withBlocks(state, isNew ? { ...before, faults: [...before.faults, event.fault] } : before);
  // A lost reader waits for the machine to be free; a welded relay does not (SAFETY R12). Armed is free: nothing runs.
  if (event.severity === "whenIdle" && marked.kind !== "armed") return { state: marked, records: raised };
  const left = endAs(marked, event.atMs, "fault", { code: event.fault });
  return { state: left.state, records: [...raised, ...left.records] };
}

function faultCleared(state: InterlockState, event: On<"faultCleared">): Step {
  const before = blocksOf(state);
  if (!before.faults.includes(event.fault)) return stay(state);
  const faults = before.faults.filter((fault) => fault !== event.fault);
  const record: InterlockRecord = {
    kind: "faultCleared",
    code: event.fault,
    ...(event.by !== undefined && { by: event.by }),
  };
  return { state: withBlocks(state, { ...before, faults }), records: [record] };
}

/** SAFETY R8. The record of the start may still be committed later; `startAborted` then follows it. */
function startNotLogged(state: InterlockState, { atMs }: On<"startNotLogged">): Step {
  const fault: FaultCode = "JOURNAL_UNAVAILABLE";
  const raised = faultRaised(state, { kind: "faultRaised", atMs, fault, severity: "openNow" });
  const records = raised.records.map((record): InterlockRecord =>
    record.kind === "sessionEnded" ? { ...record, kind: "startAborted" } : record,
  );
  return { state: raised.state, records };
}

function outOfServiceSet(state: InterlockState, event: On<"outOfServiceSet">): Step {
  const { reason, by } = event.lockout;
  const record: InterlockRecord = {
    kind: "outOfServiceSet",
    reason,
    by,
    ...(event.command !== undefined && { command: event.command }),
  };
  const marked = withBlocks(state, { ...blocksOf(state), lockout: event.lockout });
  if (event.when === "whenFree" && marked.kind !== "armed") return { state: marked, records: [record] };
  const left = endAs(marked, event.atMs, "outOfService", { by });
  return { state: left.state, records: [record, ...left.records] };
}

function outOfServiceCleared(state: InterlockState, event: On<"outOfServiceCleared">): Step {
  const { lockout, faults } = blocksOf(state);
  if (!lockout) return stay(state);
  const record: InterlockRecord = {
    kind: "outOfServiceCleared",
    by: event.by,
    ...(event.command !== undefined && { command: event.command }),
  };
  return { state: withBlocks(state, { faults }), records: [record] };
}

/** Ends whatever use there is; without one, nothing happens. */
function endAs(state: InterlockState, atMs: number, reason: EndReason, more: Partial<InterlockRecord> = {}): Step {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return stay(state);
    case "armed":
    case "active":
      return leave(state, { atMs, reason, more });
    case "pending":
      return leave(state.running, { atMs, reason, more });
  }
}

function startPressed(state: InterlockState, { atMs }: On<"startPressed">, policy: MachinePolicy): Step {
  // Armed lasts until its time is over, whether or not a tick came first; a card that must stay in must be in.
  if (state.kind !== "armed" || atMs >= state.untilMs || state.removedMs !== undefined) return stay(state);
  return stay(activate(state, atMs, policy));
}

/** Lets a running session, handed over or not, change; its pending handover survives as long as it does. */
function onRunning(state: InterlockState, change: (running: Armed | Active) => Step): Step {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return stay(state);
    case "armed":
    case "active":
      return change(state);
    case "pending":
      return stillPending(state, change(state.running));
  }
}

function cardRemoved(state: Armed | Active, { atMs }: On<"cardRemoved">): Step {
  return state.presence === "hold" && state.removedMs === undefined ? stay({ ...state, removedMs: atMs }) : stay(state);
}

/** SAFETY R14: a lost reader tells nothing of the card; the session gets much longer than after a removal. */
function readerLost(state: Armed | Active, { atMs }: On<"readerLost">): Step {
  const counts = state.kind === "active" && state.presence === "hold" && state.readerLostMs === undefined;
  return counts ? stay({ ...state, readerLostMs: atMs }) : stay(state);
}

/** SAFETY R10: a withdrawn badge never opens the relay at once unless the policy says so. */
function badgeStatusChanged(
  state: Armed | Active,
  { atMs, status, code = "BADGE_REVOKED" }: On<"badgeStatusChanged">,
  policy: MachinePolicy,
): Step {
  if (state.kind === "armed") {
    return status === "withdrawn" ? leave(state, { atMs, reason: "withdrawn", more: { code } }) : stay(state);
  }
  if (status === "good") return stay({ ...state, withdrawn: undefined });
  if (state.withdrawn) return stay(state);
  const announced = (forMs: number, stop: boolean): Step => ({
    state: { ...state, warned: true, withdrawn: { endsMs: atMs + forMs, stop } },
    records: [{ kind: "sessionWarned", session: state.session.id, code }],
  });
  switch (policy.whenRevoked) {
    case "finishThenLock":
      return announced(WITHDRAWN_MS, false);
    case "grace":
      return announced(policy.graceSeconds * 1000, false);
    case "controlledStop":
      return announced(policy.graceSeconds * 1000, true);
    case "cutNow":
      return leave(state, { atMs, reason: "withdrawn", more: { code } });
  }
}

/** Who may not start any more can always finish: opening needs no permission. */
function tapRefused(state: InterlockState, { key, atMs }: On<"tapRefused">): Step {
  if (isBounce(state, key, atMs)) return stay(touched(state, key, atMs));
  if (state.kind === "pending" && state.candidate.holder.key === key) return stay(state.running);
  const running = state.kind === "pending" ? state.running : state;
  if (running.kind !== "active" && running.kind !== "armed") return stay(state);
  if (running.session.holder.key !== key || running.presence === "hold") return stay(state);
  return leave({ ...running, lastTap: { key, atMs } }, { atMs, reason: "tap" });
}
