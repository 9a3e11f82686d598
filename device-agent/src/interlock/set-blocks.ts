import type { FaultCode } from "@badgekey/shared";
import type { EndReason, InterlockEvent, InterlockRecord, Severity, Step } from "./interlock-event.js";
import { type InterlockState, blocksOf } from "./interlock-state.js";
import { dismiss, leave, stay, withBlocks } from "./leave.js";

/**
 * A lost reader waits for the machine to be free; a welded relay does not (SAFETY R12). Armed is free: nothing runs.
 */
export function raiseFault(
  state: InterlockState,
  { fault, severity, atMs }: { readonly fault: FaultCode; readonly severity: Severity; readonly atMs: number },
): Step {
  const before = blocksOf(state);
  const isNew = !before.faults.includes(fault);
  const raised: InterlockRecord[] = isNew ? [{ kind: "faultRaised", code: fault }] : [];
  const marked = isNew ? withBlocks(state, { ...before, faults: [...before.faults, fault] }) : state;
  if (severity === "whenIdle" && marked.kind !== "armed") return { state: marked, records: raised };
  const left = endUse(marked, { atMs, reason: "fault", more: { code: fault } });
  return { state: left.state, records: [...raised, ...left.records] };
}

export function clearFault(
  state: InterlockState,
  { fault, by }: { readonly fault: FaultCode; readonly by?: string | undefined },
): Step {
  const before = blocksOf(state);
  if (!before.faults.includes(fault)) return stay(state);
  const faults = before.faults.filter((one) => one !== fault);
  const record: InterlockRecord = { kind: "faultCleared", code: fault, ...(by !== undefined && { by }) };
  return { state: withBlocks(state, { ...before, faults }), records: [record] };
}

export function setOutOfService(
  state: InterlockState,
  event: Extract<InterlockEvent, { kind: "outOfServiceSet" }>,
): Step {
  const { reason, by } = event.lockout;
  const record: InterlockRecord = {
    kind: "outOfServiceSet",
    reason,
    by,
    ...(event.command !== undefined && { command: event.command }),
  };
  const marked = withBlocks(state, { ...blocksOf(state), lockout: event.lockout });
  if (event.when === "whenFree" && marked.kind !== "armed") return { state: marked, records: [record] };
  const left = endUse(marked, { atMs: event.atMs, reason: "outOfService", more: { by } });
  return { state: left.state, records: [record, ...left.records] };
}

export function clearOutOfService(
  state: InterlockState,
  event: Extract<InterlockEvent, { kind: "outOfServiceCleared" }>,
): Step {
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
export function endUse(
  state: InterlockState,
  end: { readonly atMs: number; readonly reason: EndReason; readonly more?: Partial<InterlockRecord> },
): Step {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return stay(state);
    case "armed":
      return state.waitsFor === "coTap" ? dismiss(state) : leave(state, end);
    case "active":
      return leave(state, end);
    case "pending":
      return leave(state.running, end);
  }
}
