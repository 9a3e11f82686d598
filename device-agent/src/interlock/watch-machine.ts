import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import type { InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import { type InterlockState, sessionOf, sightOf, withSight } from "./interlock-state.js";
import { COAST_MS, STRAY_MS, STUCK_MS } from "./interlock-times.js";
import { stay, andThen } from "./leave.js";
import { outputsFor } from "./outputs-for.js";
import { clearFault, raiseFault } from "./set-blocks.js";
import { type Sight, standingOf, withContact, withLost, withoutUnwired } from "./sight.js";

/** Keeps how a contact stands; what is not wired does not count. */
export function hearContact(state: InterlockState, event: InterlockEvent, policy: MachinePolicy): Step {
  const before = sightOf(state);
  const sight = hear(before, event, policy);
  if (sight === before) return stay(state);
  const heard = withSight(state, sight);
  if (event.kind === "inputLost") {
    return raiseFault(heard, { fault: "INPUT_FAILED", severity: "whenIdle", atMs: event.atMs });
  }
  const areBack = before.lost.length > 0 && sight.lost.length === 0;
  return areBack ? clearFault(heard, { fault: "INPUT_FAILED" }) : stay(heard);
}

function hear(sight: Sight, event: InterlockEvent, policy: MachinePolicy): Sight {
  if (event.kind === "policyChanged") return withoutUnwired(sight, policy);
  if (event.kind !== "inputChanged" && event.kind !== "inputLost") return sight;
  if (!policy.wiring.inputs[event.input]) return sight;
  return event.kind === "inputChanged" ? withContact(sight, event.input, event) : withLost(sight, event.input);
}

/**
 * What the contacts say on their own, whatever else happens: looked at before every event, so that nothing is granted
 * on a machine that says no (SAFETY R4, R12, R13).
 */
export function watchMachine(state: InterlockState, atMs: number, policy: MachinePolicy): Step {
  const sight = sightOf(state);
  let seen = stay(state);
  const raise = (fault: FaultCode): void => {
    seen = andThen(seen, (next) => raiseFault(next, { fault, severity: "openNow", atMs }));
  };
  if (standingOf(sight, policy, "emergencyStop") === "active") raise("EMERGENCY_STOP");
  if (standingOf(sight, policy, "tamper") === "active") raise("TAMPER");
  if (isStuck(sight, atMs, policy)) raise("RELAY_STUCK");
  if (standingOf(sight, policy, "extraction") === "active") {
    seen = andThen(seen, (next) => clearFault(next, { fault: "EXTRACTION_MISSING" }));
  }
  return seen;
}

/** SAFETY R4: commanded open but read closed for over 200 ms. */
function isStuck(sight: Sight, atMs: number, policy: MachinePolicy): boolean {
  const { openSinceMs, contacts } = sight;
  if (openSinceMs === undefined || standingOf(sight, policy, "feedback") !== "active") return false;
  return atMs - Math.max(openSinceMs, contacts.feedback?.sinceMs ?? openSinceMs) > STUCK_MS;
}

/** Keeps what the next event is to know of the machine, and tells of bypass and of runs without a use. */
export function keepSight(before: InterlockState, after: InterlockState, atMs: number, policy: MachinePolicy): Step {
  const sight = sightOf(after);
  const isOpen = outputsFor(after, policy).relay === "open";
  const hasEnded = sessionOf(before) !== undefined && sessionOf(after) === undefined;
  const placed: Sight = {
    ...sight,
    openSinceMs: isOpen ? (sight.openSinceMs ?? atMs) : undefined,
    calmSinceMs: hasEnded ? atMs : sight.calmSinceMs,
  };
  const bypass = watchBypass(placed, atMs, policy);
  const stray = watchStray(bypass.sight, { state: after, atMs }, policy);
  const state = sameSight(sight, stray.sight) ? after : withSight(after, stray.sight);
  return { state, records: [...bypass.records, ...stray.records] };
}

function sameSight(a: Sight, b: Sight): boolean {
  return (
    a.openSinceMs === b.openSinceMs &&
    a.calmSinceMs === b.calmSinceMs &&
    a.bypassSinceMs === b.bypassSinceMs &&
    a.straySinceMs === b.straySinceMs
  );
}

interface Seen {
  readonly sight: Sight;
  readonly records: readonly InterlockRecord[];
}

function watchBypass(sight: Sight, atMs: number, policy: MachinePolicy): Seen {
  const { bypassSinceMs } = sight;
  const isTurned = standingOf(sight, policy, "bypassKey") === "active";
  if (isTurned === (bypassSinceMs !== undefined)) return { sight, records: [] };
  if (bypassSinceMs === undefined) {
    return { sight: { ...sight, bypassSinceMs: atMs }, records: [{ kind: "bypassUsed", reason: "began" }] };
  }
  return {
    sight: { ...sight, bypassSinceMs: undefined, calmSinceMs: atMs },
    records: [{ kind: "bypassUsed", reason: "ended", durationMs: atMs - bypassSinceMs }],
  };
}

/** A machine that is known to run although nobody has signed on, and no bypass explains it. */
function watchStray(
  sight: Sight,
  { state, atMs }: { readonly state: InterlockState; readonly atMs: number },
  policy: MachinePolicy,
): Seen {
  const { straySinceMs, calmSinceMs, bypassSinceMs, contacts } = sight;
  const runs = standingOf(sight, policy, "busy") === "active" && state.kind !== "starting";
  if (!runs || !contacts.busy || sessionOf(state) || bypassSinceMs !== undefined) {
    if (straySinceMs === undefined) return { sight, records: [] };
    return {
      sight: { ...sight, straySinceMs: undefined },
      records: [{ kind: "ranWithoutSession", reason: "ended", durationMs: atMs - straySinceMs }],
    };
  }
  const { sinceMs } = contacts.busy;
  const isCoasting = calmSinceMs !== undefined && atMs - calmSinceMs < COAST_MS;
  if (straySinceMs !== undefined || isCoasting || atMs - sinceMs < STRAY_MS) return { sight, records: [] };
  return {
    sight: { ...sight, straySinceMs: Math.max(sinceMs, calmSinceMs ?? sinceMs) },
    records: [{ kind: "ranWithoutSession", reason: "began" }],
  };
}
