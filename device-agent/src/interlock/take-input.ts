import type { FaultCode, MachinePolicy, TapCode } from "@badgekey/shared";
import { type Readiness, prepareOpen, proceed, reconsider } from "./begin-session.js";
import { isResettable } from "./block-of.js";
import type { InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import { type Armed, type Faulted, type InterlockState, type LastTap, sessionOf, sightOf } from "./interlock-state.js";
import { isBounce, rest, stay, touched } from "./leave.js";
import { endUse } from "./set-blocks.js";
import { allowsGrant, standingOf } from "./sight.js";

type On<K extends InterlockEvent["kind"]> = Extract<InterlockEvent, { kind: K }>;

/** Taps and presses at a machine that is open to everyone carry no key: they bounce as one. */
const ANYONE = "";

/** A press is a change: a button that was down before anyone looked, or is jammed, is none (SAFETY R6, R7). */
export function isPress(before: InterlockState, event: On<"inputChanged">, policy: MachinePolicy): boolean {
  return event.active && standingOf(sightOf(before), policy, event.input) === "inactive";
}

/** What a contact's change asks for, beside what `watchMachine` makes of it; `pressed` as told by `isPress`. */
export function inputChanged(
  state: InterlockState,
  event: On<"inputChanged">,
  pressed: boolean,
  policy: MachinePolicy,
): Step {
  if (!policy.wiring.inputs[event.input]) return stay(state);
  switch (event.input) {
    case "endButton":
      return event.active ? endUse(state, { atMs: event.atMs, reason: "button" }) : stay(state);
    case "startButton":
      return pressed ? startPressed(state, event, policy) : stay(state);
    case "problemButton":
      return pressed ? problemTold(state, "button") : stay(state);
    case "extraction":
    case "feedback":
      return onArmed(state, (armed) => stay(reconsider(armed, readiness(armed, event.atMs, false), policy)));
    case "busy":
    case "emergencyStop":
    case "bypassKey":
    case "tamper":
      return stay(state);
  }
}

/** A card without a badge that counts: at a machine that is open to everyone it begins a use, and it ends one. */
export function openTap(state: InterlockState, event: On<"openTap">, policy: MachinePolicy): Step {
  if (isBounce(state, ANYONE, event.atMs)) return stay(touched(state, ANYONE, event.atMs));
  const lastTap = { key: ANYONE, atMs: event.atMs };
  if (isOpenUse(state)) return endUse(touched(state, ANYONE, event.atMs), { atMs: event.atMs, reason: "tap" });
  return policy.mode.kind === "unrestrictedUntil"
    ? beginOpen(state, event, { lastTap, isPressed: false }, policy)
    : stay(state);
}

export function problemReported(state: InterlockState, { reason }: On<"problemReported">, policy: MachinePolicy): Step {
  return policy.problem.reasons.includes(reason) ? problemTold(state, reason) : stay(state);
}

function problemTold(state: InterlockState, reason: string): Step {
  const session = sessionOf(state);
  const holder = session?.isNamed ? session.holder?.holder : undefined;
  const record: InterlockRecord = {
    kind: "problemReported",
    reason,
    ...(session && { session: session.id }),
    ...(holder !== undefined && { holder }),
  };
  return { state, records: [record] };
}

function startPressed(state: InterlockState, event: On<"inputChanged">, policy: MachinePolicy): Step {
  const { atMs } = event;
  if (state.kind === "armed" && state.waitsFor === "startButton") {
    // Armed lasts until its time is over, whether or not a tick came first.
    return stay(atMs < state.untilMs ? reconsider(state, readiness(state, atMs, true), policy) : state);
  }
  if (isBounce(state, ANYONE, atMs)) return stay(state);
  if (isOpenUse(state)) return endUse(touched(state, ANYONE, atMs), { atMs, reason: "button" });
  // A press resets nothing: after an emergency stop it takes a tap (SAFETY R13).
  if (policy.mode.kind !== "unrestrictedUntil" || state.kind !== "idle") return stay(state);
  return beginOpen(state, event, { lastTap: { key: ANYONE, atMs }, isPressed: true }, policy);
}

function readiness({ waitsFor }: Armed, atMs: number, isPressed: boolean): Readiness {
  return { atMs, cardIn: waitsFor !== "card", isPressed };
}

function onArmed(state: InterlockState, change: (armed: Armed) => Step): Step {
  return state.kind === "armed" && state.waitsFor !== "coTap" ? change(state) : stay(state);
}

/** Nobody has signed on for this use: anyone ends it. */
function isOpenUse(state: InterlockState): boolean {
  const session = sessionOf(state);
  return session !== undefined && !session.holder;
}

function beginOpen(
  state: InterlockState,
  { session: id, atMs }: On<"openTap" | "inputChanged">,
  { lastTap, isPressed }: { readonly lastTap: LastTap; readonly isPressed: boolean },
  policy: MachinePolicy,
): Step {
  switch (state.kind) {
    case "idle": {
      const { sight } = state;
      if (!allowsGrant(sight, policy)) return refuseOpen(state, "MACHINE_FAULTED", lastTap);
      const { prepared, records } = prepareOpen(id, atMs, { waiting: { faults: [] }, sight, lastTap });
      return { state: proceed(prepared, { atMs, cardIn: true, isPressed }, policy), records };
    }
    case "lockedOut":
      return refuseOpen(state, "MACHINE_OUT_OF_SERVICE", lastTap);
    case "faulted":
      return resetOpen(state, lastTap, policy);
    case "starting":
      return refuseOpen(state, "MACHINE_FAULTED", lastTap);
    case "armed":
    case "active":
    case "pending":
      return refuseOpen(state, "MACHINE_IN_USE", lastTap);
  }
}

/** SAFETY R13 where nobody signs on: a tap resets the emergency stop, and starts nothing. */
function resetOpen(state: Faulted, lastTap: LastTap, policy: MachinePolicy): Step {
  const isCleared = (fault: FaultCode): boolean => isResettable(fault, { isSteward: false }, state.sight, policy);
  if (!state.faults.some(isCleared)) return refuseOpen(state, "MACHINE_FAULTED", lastTap);
  const faults = state.faults.filter((fault) => !isCleared(fault));
  const blocks = { faults, ...(state.lockout && { lockout: state.lockout }) };
  const records = state.faults.filter(isCleared).map((code): InterlockRecord => ({ kind: "faultCleared", code }));
  return { state: rest(blocks, state.sight, lastTap), records };
}

function refuseOpen(state: InterlockState, code: TapCode, { key, atMs }: LastTap): Step {
  return { state: touched(state, key, atMs), records: [{ kind: "tapRefused", code }] };
}
