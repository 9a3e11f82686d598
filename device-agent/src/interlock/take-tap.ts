import type { MachinePolicy, TapCode } from "@badgekey/shared";
import type { InterlockEvent, InterlockRecord, Step } from "./interlock-event.js";
import type { Active, Armed, Candidate, Contact, InterlockState, Pending, Session } from "./interlock-state.js";
import { ARMED_MS, CONFIRM_MS } from "./interlock-times.js";
import { leave } from "./leave.js";

type TapAccepted = Extract<InterlockEvent, { kind: "tapAccepted" }>;

/** What an accepted tap does in each state; whether it is a bounce is decided before. */
export function tapAccepted(state: InterlockState, event: TapAccepted, policy: MachinePolicy): Step {
  switch (state.kind) {
    case "starting":
      return refuse(state, event.candidate, "MACHINE_FAULTED");
    case "faulted":
      return refuse(state, event.candidate, "MACHINE_FAULTED");
    case "lockedOut":
      return refuse(state, event.candidate, "MACHINE_OUT_OF_SERVICE");
    case "idle":
      return begin(event, policy);
    case "armed":
      return tapWhileArmed(state, event, policy);
    case "active":
      return isHolder(state, event) ? tapByHolder(state, event, policy) : tapByOther(state, event, policy);
    case "pending":
      return tapWhilePending(state, event, policy);
  }
}

/** The contact closes, for the session or for a start permission (SAFETY R3). */
export function activate(state: Armed, atMs: number, policy: MachinePolicy): Active {
  const { session, presence, removedMs, waiting, lastTap } = state;
  const endsMs = latestEnd(atMs, policy);
  return {
    kind: "active",
    session,
    presence,
    removedMs,
    waiting,
    lastTap,
    contact: contactFrom(atMs, policy),
    warned: false,
    ...(endsMs !== undefined && { endsMs }),
  };
}

/** How long before its end a session is announced to end; half its length at most, or a tap could never finish it. */
export function warningMs({ session }: MachinePolicy): number {
  const { maxSeconds, warnSeconds } = session;
  return Math.min(warnSeconds, Math.floor(maxSeconds / 2)) * 1000;
}

/** True where the holder's tap extends instead of finishing: shortly before the end, and only if nothing waits for it. */
export function isExtendable(state: Active, atMs: number, policy: MachinePolicy): boolean {
  if (!policy.session.extend || policy.session.maxSeconds === 0 || state.endsMs === undefined) return false;
  if (state.withdrawn || state.waiting.lockout || state.waiting.faults.length > 0) return false;
  return atMs >= state.endsMs - warningMs(policy);
}

function begin({ candidate, cardPresent, atMs }: TapAccepted, policy: MachinePolicy): Step {
  const session: Session = { id: candidate.session, holder: candidate.holder, startedMs: atMs };
  const armed: Armed = {
    kind: "armed",
    session,
    presence: policy.presence,
    untilMs: atMs + ARMED_MS,
    waiting: { faults: [] },
    lastTap: { key: candidate.holder.key, atMs },
    ...(policy.presence === "hold" && !cardPresent && { removedMs: atMs }),
  };
  const state = policy.startButton ? armed : activate(armed, atMs, policy);
  return { state, records: [{ kind: "sessionStarted", session: session.id, ...tapFacts(candidate) }] };
}

function tapWhileArmed(state: Armed, event: TapAccepted, policy: MachinePolicy): Step {
  const { atMs, candidate, cardPresent } = event;
  if (!isHolder(state, event)) {
    if (policy.handover === "refuse") return refuse(state, candidate, "MACHINE_IN_USE");
    // Nothing runs yet, so there is nothing to confirm.
    return replace(state, event, policy);
  }
  const lastTap = { key: candidate.holder.key, atMs };
  if (state.presence === "hold")
    return stay({ ...state, lastTap, removedMs: cardPresent ? undefined : state.removedMs });
  return leave({ ...state, lastTap }, { atMs, reason: "tap" });
}

function tapByHolder(state: Active, { atMs, candidate, cardPresent }: TapAccepted, policy: MachinePolicy): Step {
  const tapped: Active = { ...state, lastTap: { key: candidate.holder.key, atMs } };
  // The card that must stay in is back.
  const next = cardPresent ? { ...tapped, removedMs: undefined, readerLostMs: undefined } : tapped;
  const endsMs = latestEnd(atMs, policy);
  if (isExtendable(state, atMs, policy) && endsMs !== undefined) {
    const record: InterlockRecord = { kind: "sessionExtended", session: state.session.id };
    return { state: { ...next, endsMs, warned: false }, records: [record] };
  }
  // Where the card stays in, taking it out is what finishes.
  return state.presence === "hold" ? stay(next) : leave(next, { atMs, reason: "tap" });
}

function tapByOther(state: Active, event: TapAccepted, policy: MachinePolicy): Step {
  switch (policy.handover) {
    case "refuse":
      return refuse(state, event.candidate, "MACHINE_IN_USE");
    case "free":
      return handOver(state, event, policy);
    case "confirm":
      // What is to be out of service or mended as soon as it is free must get free.
      if (isBlocked(state)) return refuse(state, event.candidate, "MACHINE_IN_USE");
      return stay({
        kind: "pending",
        running: { ...state, lastTap: { key: event.candidate.holder.key, atMs: event.atMs } },
        candidate: event.candidate,
        untilMs: event.atMs + CONFIRM_MS,
      });
  }
}

function tapWhilePending(state: Pending, event: TapAccepted, policy: MachinePolicy): Step {
  const { running, candidate, untilMs } = state;
  if (isHolder(running, event)) return tapByHolder(running, event, policy);
  if (event.candidate.holder.key !== candidate.holder.key || event.atMs >= untilMs) {
    return tapByOther(running, event, policy);
  }
  return handOver(running, event, policy);
}

/** One session ends and the next starts without opening the relay (DESIGN section 6). */
function handOver(state: Active, event: TapAccepted, policy: MachinePolicy): Step {
  if (isBlocked(state)) return refuse(state, event.candidate, "MACHINE_IN_USE");
  const ended = leave(state, { atMs: event.atMs, reason: "handover" });
  const begun = begin(event, { ...policy, startButton: false });
  return { state: begun.state, records: [...ended.records, ...begun.records] };
}

function replace(state: Armed, event: TapAccepted, policy: MachinePolicy): Step {
  const ended = leave(state, { atMs: event.atMs, reason: "handover" });
  if (ended.state.kind !== "idle") return ended;
  const begun = begin(event, policy);
  return { state: begun.state, records: [...ended.records, ...begun.records] };
}

function refuse(state: InterlockState, candidate: Candidate, code: TapCode): Step {
  return { state, records: [{ kind: "tapRefused", code, ...tapFacts(candidate) }] };
}

function tapFacts({ holder, decisionUs }: Candidate): Omit<InterlockRecord, "kind"> {
  const { issuer, statusIndex, badge, grants, assurance } = holder;
  const facts = { issuer, statusIndex, badge, grants, assurance };
  return {
    ...facts,
    ...(holder.holder !== undefined && { holder: holder.holder }),
    ...(decisionUs !== undefined && { decisionUs }),
  };
}

function contactFrom(atMs: number, { wiring }: MachinePolicy): Contact {
  switch (wiring.output) {
    case "hold":
      return { kind: "held" };
    case "pulse":
      return { kind: "pulse", untilMs: atMs + wiring.pulseSeconds * 1000 };
  }
}

function latestEnd(atMs: number, { session }: MachinePolicy): number | undefined {
  return session.maxSeconds === 0 ? undefined : atMs + session.maxSeconds * 1000;
}

function isHolder(state: Armed | Active, { candidate }: TapAccepted): boolean {
  return state.session.holder.key === candidate.holder.key;
}

function isBlocked({ waiting }: Active): boolean {
  return waiting.lockout !== undefined || waiting.faults.length > 0;
}

function stay(state: InterlockState): Step {
  return { state, records: [] };
}
