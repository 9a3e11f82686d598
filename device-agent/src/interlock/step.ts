import { type MachinePolicy, sameBytes } from "@badgekey/shared";
import { reconsider } from "./begin-session.js";
import type { InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import {
  type Active,
  type Armed,
  type InterlockState,
  type Requested,
  blocksOf,
  sessionOf,
} from "./interlock-state.js";
import { FINISH_MS } from "./interlock-times.js";
import { dismiss, isBounce, leave, rest, stay, stillPending, andThen, touched } from "./leave.js";
import { announce, passTime } from "./pass-time.js";
import { finishFrom } from "./session-end.js";
import { clearFault, clearOutOfService, endUse, raiseFault, setOutOfService } from "./set-blocks.js";
import { endSupervision } from "./supervise.js";
import { inputChanged, isPress, openTap, problemReported } from "./take-input.js";
import { tapAccepted } from "./take-tap.js";
import { hearContact, keepSight, watchMachine } from "./watch-machine.js";

type On<K extends InterlockEvent["kind"]> = Extract<InterlockEvent, { kind: K }>;

/**
 * The interlock: one event to the next state and what must be remembered (SAFETY). It never awaits,
 * logs or reads a clock. `policy` is the one in force: its mode and wiring are those that hold now. A relay closes only
 * out of an accepted tap, or out of a press or the extraction's feedback after one.
 */
export function step(state: InterlockState, event: InterlockEvent, policy: MachinePolicy): Step {
  const { atMs } = event;
  const pressed = event.kind === "inputChanged" && isPress(state, event, policy);
  const heard = hearContact(state, event, policy);
  const watched = andThen(heard, (next) => watchMachine(next, atMs, policy));
  const taken = andThen(watched, (next) => take(next, event, { pressed, policy }));
  return andThen(taken, (next) => keepSight(state, next, atMs, policy));
}

function take(
  state: InterlockState,
  event: InterlockEvent,
  { pressed, policy }: { readonly pressed: boolean; readonly policy: MachinePolicy },
): Step {
  const { atMs } = event;
  switch (event.kind) {
    case "started":
      return started(state, event);
    case "stopped":
      return stopped(state, event);
    case "faultRaised":
      return raiseFault(state, event);
    case "faultCleared":
      return clearFault(state, event);
    case "startNotLogged":
      return startNotLogged(state, event);
    case "outOfServiceSet":
      return setOutOfService(state, event);
    case "outOfServiceCleared":
      return clearOutOfService(state, event);
    case "endPressed":
      return endUse(state, { atMs, reason: "button" });
    case "endOrdered":
      return endUse(state, { atMs, reason: "command", more: { by: event.by, command: event.command } });
    case "inputChanged":
      return inputChanged(state, event, pressed, policy);
    case "openTap":
      return openTap(state, event, policy);
    case "problemReported":
      return problemReported(state, event, policy);
    case "cardRemoved":
      return onRunning(state, (running) => cardRemoved(running, event, policy));
    case "readerLost":
      return onRunning(state, (running) => readerLost(running, event));
    case "badgeStatusChanged":
      return onRunning(state, (running) => badgeStatusChanged(running, event, policy));
    case "policyChanged":
      return policyChanged(state, policy);
    case "tapAccepted":
      return isBounce(state, event.candidate.holder.key, atMs)
        ? stay(touched(state, event.candidate.holder.key, atMs))
        : tapAccepted(state, event, policy);
    case "tapRefused":
      return tapRefused(state, event, policy);
    case "tick":
      return passTime(state, atMs, policy);
    // What the contact told is dealt with by now; a card that must stay in counts as gone until it is seen (SAFETY
    // R14).
    case "inputLost":
    case "readerBack":
      return stay(state);
  }
}

/** SAFETY R5: sessions are never loaded; out of service and latched faults always are. */
function started(state: InterlockState, event: On<"started">): Step {
  if (state.kind !== "starting") return stay(state);
  const faults = [...new Set([...event.faults, ...state.waiting.faults])];
  const lockout = event.lockout ?? state.waiting.lockout;
  return stay(rest({ faults, ...(lockout && { lockout }) }, state.sight));
}

function stopped(state: InterlockState, { atMs }: On<"stopped">): Step {
  const { state: left, records } = endUse(state, { atMs, reason: "stopped" });
  const sight = left.kind === "pending" ? left.running.sight : left.sight;
  return { state: { kind: "starting", waiting: blocksOf(state), sight }, records };
}

/** SAFETY R8. The record of the start may still be committed later; `startAborted` then follows it. */
function startNotLogged(state: InterlockState, { atMs, session }: On<"startNotLogged">): Step {
  const using = sessionOf(state)?.id;
  // Another use has begun since, with a log of its own: it is not the one to end.
  const severity = session && using && !sameBytes(using, session) ? "whenIdle" : "openNow";
  const raised = raiseFault(state, { fault: "JOURNAL_UNAVAILABLE", severity, atMs });
  const records = raised.records.map((record): InterlockRecord =>
    record.kind === "sessionEnded" ? { ...record, kind: "startAborted" } : record,
  );
  return { state: raised.state, records };
}

/** A handover that the policy no longer allows must not be confirmed any more. */
function policyChanged(state: InterlockState, { handover }: MachinePolicy): Step {
  if (state.kind !== "pending") return stay(state);
  const isAllowed = state.waitsFor === "coTap" ? handover !== "refuse" : handover === "confirm";
  return stay(isAllowed ? state : state.running);
}

/** Lets what is under way change; a pending handover survives as long as the session under it does. */
function onRunning(state: InterlockState, change: (running: Requested | Armed | Active) => Step): Step {
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

function cardRemoved(state: Requested | Armed | Active, { atMs }: On<"cardRemoved">, policy: MachinePolicy): Step {
  if (state.kind === "armed") {
    if (state.waitsFor === "coTap") return stay({ ...state, cardPresent: false });
    if (state.presence === "tap") return stay(state);
    return stay(reconsider(state, { atMs, cardIn: false, isPressed: false }, policy));
  }
  return state.presence === "hold" && state.removedMs === undefined ? stay({ ...state, removedMs: atMs }) : stay(state);
}

/** SAFETY R14: a lost reader tells nothing of the card; the session gets much longer than after a removal. */
function readerLost(state: Requested | Armed | Active, { atMs }: On<"readerLost">): Step {
  const counts = state.kind === "active" && state.presence === "hold" && state.readerLostMs === undefined;
  return counts ? stay({ ...state, readerLostMs: atMs }) : stay(state);
}

/** SAFETY R10: a withdrawn badge never opens the relay at once unless the policy says so. */
function badgeStatusChanged(
  state: Requested | Armed | Active,
  { atMs, status, code = "BADGE_REVOKED" }: On<"badgeStatusChanged">,
  policy: MachinePolicy,
): Step {
  if (state.kind === "armed") {
    if (status === "good" || state.waitsFor === "coTap") return stay(state);
    return leave(state, { atMs, reason: "withdrawn", more: { code } });
  }
  if (status === "good") return stay({ ...state, withdrawn: undefined });
  if (state.withdrawn) return stay(state);
  const graceMs = atMs + policy.graceSeconds * 1000;
  const { busy } = policy.wiring.inputs;
  // What it warns of is announced at once, not at the next tick.
  const announced = (withdrawn: Omit<NonNullable<Active["withdrawn"]>, "code">): Step =>
    announce({ ...state, withdrawn: { ...withdrawn, code } }, atMs, policy);
  switch (policy.whenRevoked) {
    case "finishThenLock": {
      if (!busy) return announced({ ...finishFrom(atMs, policy), stop: false });
      const endsByItself = state.endsMs !== undefined || policy.session.idleSeconds > 0;
      return announced({ stop: false, ...(!endsByItself && finishFrom(atMs + FINISH_MS, policy)) });
    }
    case "grace":
      return announced({ endsMs: graceMs, stop: false });
    case "controlledStop":
      return announced({ endsMs: graceMs, stop: true, ...(busy && finishFrom(atMs, policy)) });
    case "cutNow":
      return leave(state, { atMs, reason: "withdrawn", more: { code } });
  }
}

/** Who may not start any more can always finish: opening needs no permission. */
function tapRefused(before: InterlockState, { key, atMs }: On<"tapRefused">, policy: MachinePolicy): Step {
  const state = touched(before, key, atMs);
  if (isBounce(before, key, atMs)) return stay(state);
  if (state.kind === "pending" && state.candidate.holder.key === key) return stay(state.running);
  const running = state.kind === "pending" ? state.running : state;
  if (running.kind !== "active" && running.kind !== "armed") return stay(state);
  if (running.kind === "armed" && running.waitsFor === "coTap") {
    return running.candidate.holder.key === key ? dismiss(running) : stay(state);
  }
  const { holder } = running.session;
  if (!holder || (holder.key === key && running.presence === "tap")) return leave(running, { atMs, reason: "tap" });
  const leaves = running.kind === "active" && running.supervision?.key === key;
  return leaves ? endSupervision(running, { atMs, reason: "tap" }, policy) : stay(state);
}
