import type { FaultCode, MachinePolicy, TapCode } from "@badgekey/shared";
import { type Ground, prepare, proceed, reconsider } from "./begin-session.js";
import type { InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import {
  type Active,
  type Armed,
  type Candidate,
  type Faulted,
  type InterlockState,
  type LockedOut,
  type Pending,
  type Requested,
  type Session,
  type Supervision,
  type Waiting,
  sightOf,
} from "./interlock-state.js";
import { CONFIRM_MS, CO_TAP_MS } from "./interlock-times.js";
import { dismiss, leave, rest, stay, tapFacts, andThen, touched } from "./leave.js";
import { isResettable } from "./block-of.js";
import { isExtendable } from "./session-end.js";
import { allowsGrant, lacksExtraction } from "./sight.js";
import { coverMore, superviseBy, supervisionRecord, tapBySupervisor } from "./supervise.js";

type TapAccepted = Extract<InterlockEvent, { kind: "tapAccepted" }>;

const NOTHING_WAITS: Waiting = { faults: [] };

/** What an accepted tap does in each state; whether it is a bounce is decided before. */
export function tapAccepted(state: InterlockState, event: TapAccepted, policy: MachinePolicy): Step {
  switch (state.kind) {
    case "starting":
      return refuse(state, event, "MACHINE_FAULTED");
    case "faulted":
      return tapWhileFaulted(state, event, policy);
    case "lockedOut":
      return tapWhileLockedOut(state, event, policy);
    case "idle":
      return begin(state, event, NOTHING_WAITS, policy);
    case "armed":
      return state.waitsFor === "coTap" ? tapWhileRequested(state, event, policy) : tapWhileArmed(state, event, policy);
    case "active":
      return tapWhileActive(state, event, policy);
    case "pending":
      return tapWhilePending(state, event, policy);
  }
}

/**
 * SAFETY R13: after an emergency stop a tap resets, and only a further one starts. A steward's resets what is latched
 * and whose cause is gone. A missing extraction is tried anew.
 */
function tapWhileFaulted(state: Faulted, event: TapAccepted, policy: MachinePolicy): Step {
  const { candidate, atMs } = event;
  const isCleared = (fault: FaultCode): boolean => isResettable(fault, candidate, state.sight, policy);
  const cleared = state.faults.filter(isCleared);
  const lockout = state.lockout && { lockout: state.lockout };
  if (cleared.length > 0) {
    const faults = state.faults.filter((fault) => !isCleared(fault));
    const records = cleared.map((code) => clearedBy(code, candidate));
    return { state: rest({ faults, ...lockout }, state.sight, { key: candidate.holder.key, atMs }), records };
  }
  if (state.lockout || state.faults.some((fault) => fault !== "EXTRACTION_MISSING")) {
    return refuse(state, event, "MACHINE_FAULTED");
  }
  const again: Step = {
    state: rest(NOTHING_WAITS, state.sight, state.lastTap),
    records: [clearedBy("EXTRACTION_MISSING", candidate)],
  };
  return andThen(again, (idle) => begin(idle, event, NOTHING_WAITS, policy));
}

function clearedBy(code: FaultCode, { holder }: Candidate): InterlockRecord {
  return { kind: "faultCleared", code, ...(holder.holder !== undefined && { by: holder.holder }) };
}

/** A steward releases the machine, or works at it alone; then the lockout waits for the end of his use. */
function tapWhileLockedOut(state: LockedOut, event: TapAccepted, policy: MachinePolicy): Step {
  const { candidate, atMs } = event;
  const { key, holder: by } = candidate.holder;
  if (candidate.isSteward && policy.steward.lockAgain) {
    return begin(state, event, { lockout: state.lockout, faults: [] }, policy);
  }
  if (!candidate.isSteward || !policy.steward.mayRelease) return refuse(state, event, "MACHINE_OUT_OF_SERVICE");
  return {
    state: rest(NOTHING_WAITS, state.sight, { key, atMs }),
    records: [{ kind: "outOfServiceCleared", ...(by !== undefined && { by }) }],
  };
}

/** What waited for the machine to be free comes before whoever wants it next. */
function takeOver(left: InterlockState, event: TapAccepted, policy: MachinePolicy): Step {
  return left.kind === "idle" ? begin(left, event, NOTHING_WAITS, policy) : stay(left);
}

/** Nobody uses the machine: the tap begins a session, or asks for a trainer. */
function begin(state: InterlockState, event: TapAccepted, waiting: Waiting, policy: MachinePolicy): Step {
  const { candidate, cardPresent, atMs } = event;
  const sight = sightOf(state);
  if (!allowsGrant(sight, policy)) return refuse(state, event, "MACHINE_FAULTED");
  const lastTap = { key: candidate.holder.key, atMs };
  if (candidate.needsSupervision) {
    const untilMs = atMs + CO_TAP_MS;
    return stay({ kind: "armed", waitsFor: "coTap", candidate, cardPresent, untilMs, waiting, sight, lastTap });
  }
  const ground: Ground = { waiting, sight, lastTap };
  return start(event, { ground, isPressed: false }, policy);
}

/** The session's records, and where it goes from here. */
function start(
  { candidate, cardPresent, atMs }: Pick<TapAccepted, "candidate" | "cardPresent" | "atMs">,
  { ground, isPressed }: { readonly ground: Ground; readonly isPressed: boolean },
  policy: MachinePolicy,
): Step {
  const { prepared, records } = prepare({ candidate, atMs, ground }, policy);
  const cardIn = prepared.presence === "tap" || cardPresent;
  return { state: proceed(prepared, { atMs, cardIn, isPressed }, policy), records };
}

function tapWhileRequested(state: Requested, event: TapAccepted, policy: MachinePolicy): Step {
  const { candidate, cardPresent, atMs } = event;
  const tapped: Requested = { ...state, lastTap: { key: candidate.holder.key, atMs } };
  if (candidate.holder.key === state.candidate.holder.key) {
    // Where the card stays in, putting it back is no second tap.
    return policy.presence === "hold" ? stay({ ...tapped, cardPresent }) : dismiss(tapped);
  }
  if (candidate.maySupervise && atMs < state.untilMs) {
    if (!allowsGrant(state.sight, policy)) return refuse(state, event, "MACHINE_FAULTED");
    return coTapped(tapped, event, policy);
  }
  if (policy.handover === "refuse" && atMs < state.untilMs) return refuse(state, event, "MACHINE_IN_USE");
  return andThen(dismiss(tapped), (left) => takeOver(left, event, policy));
}

/** The trainer's tap begins the trainee's session. */
function coTapped(state: Requested, { candidate: trainer, atMs }: TapAccepted, policy: MachinePolicy): Step {
  const { candidate, cardPresent, waiting, sight, lastTap = { key: trainer.holder.key, atMs } } = state;
  const supervision = superviseBy(trainer, { trainee: candidate.holder.key, atMs }, policy);
  const ground: Ground = { waiting, sight, lastTap, supervision };
  const begun = start({ candidate, cardPresent, atMs }, { ground, isPressed: false }, policy);
  const supervised = supervisionRecord("supervisionStarted", candidate.session, { by: supervision.by });
  return { state: begun.state, records: [...begun.records, supervised] };
}

function tapWhileArmed(state: Armed, event: TapAccepted, policy: MachinePolicy): Step {
  const { atMs, candidate, cardPresent } = event;
  const lastTap = { key: candidate.holder.key, atMs };
  // Nobody has signed on: any tap calls it off.
  if (!state.session.holder) return leave({ ...state, lastTap }, { atMs, reason: "tap" });
  if (!isHolder(state.session, event)) {
    if (policy.handover === "refuse") return refuse(state, event, "MACHINE_IN_USE");
    // Nothing runs yet, so there is nothing to confirm.
    const left = leave({ ...state, lastTap }, { atMs, reason: "handover" });
    return andThen(left, (next) => takeOver(next, event, policy));
  }
  const tapped: Armed = { ...state, lastTap };
  if (state.presence === "tap") return leave(tapped, { atMs, reason: "tap" });
  return stay(cardPresent ? reconsider(tapped, { atMs, cardIn: true, isPressed: false }, policy) : tapped);
}

function tapWhileActive(state: Active, event: TapAccepted, policy: MachinePolicy): Step {
  const { atMs, candidate } = event;
  if (!state.session.holder) {
    return leave({ ...state, lastTap: { key: candidate.holder.key, atMs } }, { atMs, reason: "tap" });
  }
  if (isHolder(state.session, event)) return tapByHolder(state, event, policy);
  return tapBySupervisor(state, event, policy) ?? tapByOther(state, event, policy);
}

function tapByHolder(state: Active, { atMs, candidate, cardPresent }: TapAccepted, policy: MachinePolicy): Step {
  const tapped: Active = { ...state, lastTap: { key: candidate.holder.key, atMs } };
  // The card that must stay in is back.
  const next: Active = cardPresent ? { ...tapped, removedMs: undefined, readerLostMs: undefined } : tapped;
  if (isExtendable(state, atMs, policy)) {
    const record: InterlockRecord = { kind: "sessionExtended", session: state.session.id };
    return { state: { ...next, endsMs: atMs + policy.session.maxSeconds * 1000 }, records: [record] };
  }
  // Where the card stays in, taking it out is what finishes.
  return state.presence === "hold" ? stay(next) : leave(next, { atMs, reason: "tap" });
}

/** Someone else wants the machine: what is to be out of service or mended as soon as it is free must get free. */
function tapByOther(state: Active, event: TapAccepted, policy: MachinePolicy): Step {
  if (policy.handover === "refuse" || isBlocked(state)) return refuse(state, event, "MACHINE_IN_USE");
  if (needsCoTap(state, event.candidate, policy)) return wait(state, event, "coTap");
  return policy.handover === "free" ? handOver(state, event, policy) : wait(state, event, "confirmation");
}

function wait(state: Active, { candidate, atMs }: TapAccepted, waitsFor: Pending["waitsFor"]): Step {
  return stay({
    kind: "pending",
    waitsFor,
    running: { ...state, lastTap: { key: candidate.holder.key, atMs } },
    candidate,
    untilMs: atMs + (waitsFor === "coTap" ? CO_TAP_MS : CONFIRM_MS),
  });
}

function tapWhilePending(state: Pending, event: TapAccepted, policy: MachinePolicy): Step {
  const { running, candidate, waitsFor, untilMs } = state;
  const tapper = event.candidate;
  const isInTime = event.atMs < untilMs;
  const isSame = tapper.holder.key === candidate.holder.key;
  if (waitsFor === "coTap") {
    // Also the trainer who is still signed on himself: he hands his machine over to the trainee.
    if (isInTime && tapper.maySupervise && !isSame) {
      const supervision = superviseBy(tapper, { trainee: candidate.holder.key, atMs: event.atMs }, policy);
      // The card that lies there is the trainer's: where cards stay in, the trainee's would be missed.
      return handOver(running, { ...event, candidate, cardPresent: false }, policy, supervision);
    }
  } else if (isInTime && isSame) {
    return handOver(running, event, policy);
  }
  return tapWhileActive(running, event, policy);
}

/** One session ends and the next starts without opening the relay. */
function handOver(state: Active, event: TapAccepted, policy: MachinePolicy, coTap?: Supervision): Step {
  const { candidate, cardPresent, atMs } = event;
  const isClosed = state.contact.kind !== "released";
  const tapper = coTap?.key ?? candidate.holder.key;
  const isCardMissing = policy.presence === "hold" && !cardPresent;
  if (isBlocked(state) || isCardMissing) return refuse(state, event, "MACHINE_IN_USE", tapper);
  if (!allowsGrant(state.sight, policy) || (isClosed && lacksExtraction(state.sight, policy))) {
    return refuse(state, event, "MACHINE_FAULTED", tapper);
  }
  const carried = candidate.needsSupervision ? coverMore(state, candidate.holder.key, policy) : undefined;
  const supervision = coTap ?? carried;
  if (candidate.needsSupervision && !supervision) return wait(state, event, "coTap");
  const ended = leave(state, { atMs, reason: "handover", keepsSupervision: !coTap && carried !== undefined });
  const ground: Ground = {
    waiting: state.waiting,
    sight: state.sight,
    lastTap: { key: tapper, atMs },
    supervision,
  };
  // A machine that runs has been started; one whose start permission is over has to be started again (SAFETY R7).
  const begun = start(event, { ground, isPressed: isClosed }, policy);
  const supervised = coTap ? [supervisionRecord("supervisionStarted", candidate.session, { by: coTap.by })] : [];
  return { state: begun.state, records: [...ended.records, ...begun.records, ...supervised] };
}

function needsCoTap(state: Active, { needsSupervision, holder }: Candidate, policy: MachinePolicy): boolean {
  return needsSupervision && coverMore(state, holder.key, policy) === undefined;
}

/** A tap that is accepted and still cannot begin anything; `tapper` is whose card it was. */
function refuse(
  state: InterlockState,
  { candidate, atMs }: TapAccepted,
  code: TapCode,
  tapper = candidate.holder.key,
): Step {
  return {
    state: touched(state, tapper, atMs),
    records: [{ kind: "tapRefused", code, ...tapFacts(candidate) }],
  };
}

function isHolder({ holder }: Session, { candidate }: TapAccepted): boolean {
  return holder?.key === candidate.holder.key;
}

function isBlocked({ waiting }: Active): boolean {
  return waiting.lockout !== undefined || waiting.faults.length > 0;
}
