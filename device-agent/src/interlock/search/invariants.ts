import type { MachinePolicy } from "@badgekey/shared";
import type { InputName, InterlockEvent } from "../interlock-event.js";
import { type Monitor, type Observed, told } from "./monitor.js";

/** One step between two observations. */
export interface Watched {
  readonly before: Monitor;
  readonly after: Monitor;
  readonly seen: Observed;
  readonly policy: MachinePolicy;
}

const isClosed = ({ outputs }: Monitor): boolean => outputs.relay === "closed";
const closes = ({ before, after }: Watched): boolean => !isClosed(before) && isClosed(after);
const opens = ({ before, after }: Watched): boolean => isClosed(before) && !isClosed(after);
/** One session gave way to another. */
const changesHands = ({ before, after }: Watched): boolean =>
  before.open !== undefined && after.open !== undefined && before.open.id !== after.open.id;
const isInput = (event: InterlockEvent, input: InputName, active: boolean): boolean =>
  event.kind === "inputChanged" && event.input === input && event.active === active;
const mayBeBusy = ({ before, policy }: Watched): boolean => {
  const busy = told(before, policy, "busy");
  return busy === true || busy === "unknown";
};
const since = (fromMs: number | undefined, { seen }: Watched): number =>
  fromMs === undefined ? Number.NEGATIVE_INFINITY : seen.event.atMs - fromMs;

/**
 * The sentences of SAFETY and of the policy that hold for every single step; each is true where the step keeps it.
 */
const sentences: Readonly<Record<string, (watched: Watched) => boolean>> = {
  "DESIGN 6: a closed relay implies exactly one session": ({ after }) => !isClosed(after) || after.open !== undefined,

  "R1, R5: nothing is wanted before the marks of the last run are read, or after the stop": ({ after }) =>
    after.isRunning || (!isClosed(after) && !after.outputs.runOn && !after.outputs.stop && after.open === undefined),

  "R6: the relay closes only by a fresh tap or press, or by what an accepted tap waits for": (watched) => {
    if (!closes(watched)) return true;
    const { event } = watched.seen;
    const { open } = watched.before;
    if (event.kind === "tapAccepted") return true;
    if (event.kind === "openTap") return watched.policy.mode.kind === "unrestrictedUntil";
    if (event.kind !== "inputChanged" || event.active === (event.input === "feedback")) return false;
    const wasAccepted = open !== undefined && open.closedMs === undefined;
    const isOpenPress = event.input === "startButton" && watched.policy.mode.kind === "unrestrictedUntil";
    return ["startButton", "extraction", "feedback"].includes(event.input) && (wasAccepted || isOpenPress);
  },

  "R7: with a start button, the relay closes by its press alone": (watched) => {
    if (!closes(watched) || !watched.policy.startButton) return true;
    const { event } = watched.seen;
    return isInput(event, "startButton", true) && told(watched.before, watched.policy, "startButton") === false;
  },

  "R4: feedback proves open before every grant": (watched) =>
    !closes(watched) || [false, "unwired"].includes(told(watched.after, watched.policy, "feedback")),

  "R4: read closed for over 200 ms while commanded open is a fault": ({ before, after, seen, policy }) => {
    const read = seen.event.kind === "tick" && before.contacts.feedback;
    if (!read || !policy.wiring.inputs.feedback || !read.active || isClosed(before)) return true;
    return seen.event.atMs - Math.max(read.sinceMs, before.sinceMs) <= 200 || after.faults.includes("RELAY_STUCK");
  },

  "R13: the emergency stop, pressed or unknown, lets nothing close; pressed, it ends every use": (watched) => {
    const { before, after, policy } = watched;
    const standing = told(after, policy, "emergencyStop");
    if (standing === true) return !isClosed(after) && after.open === undefined;
    const begins = closes(watched) || (after.open !== undefined && after.open.id !== before.open?.id);
    return standing !== "unknown" || !begins;
  },

  "R13: after an emergency stop nothing starts but by a tap that follows the reset": (watched) =>
    !watched.before.faults.includes("EMERGENCY_STOP") || (!isClosed(watched.after) && watched.after.open === undefined),

  "R13: only a tap or staff reset the emergency stop, and never while it is pressed": ({
    before,
    after,
    seen,
    policy,
  }) => {
    if (!before.faults.includes("EMERGENCY_STOP") || after.faults.includes("EMERGENCY_STOP")) return true;
    const { kind } = seen.event;
    if (kind === "faultCleared") return true;
    return (
      (kind === "tapAccepted" || kind === "openTap") &&
      [false, "unwired"].includes(told(after, policy, "emergencyStop"))
    );
  },

  "R12: an open housing opens at once": ({ after, policy }) =>
    told(after, policy, "tamper") !== true || (!isClosed(after) && after.open === undefined),

  "R12: what opens now opens now": ({ after, seen: { event } }) => {
    const isNow =
      (event.kind === "faultRaised" && event.severity === "openNow") ||
      (event.kind === "outOfServiceSet" && event.when === "now") ||
      event.kind === "startNotLogged";
    return !isNow || (!isClosed(after) && after.open === undefined);
  },

  "R12: a lockout or a fault lets nothing begin; but a steward may work at what is locked out": (watched) => {
    const { before, after, seen, policy } = watched;
    const begins = after.open !== undefined && after.open.id !== before.open?.id;
    if (!begins) return true;
    const { event } = seen;
    if (after.faults.length > 0) return false;
    if (!after.lockout) return true;
    return event.kind === "tapAccepted" && event.candidate.isSteward && policy.steward.lockAgain;
  },

  "R5, R12: lockouts and faults are told, and stand until they are cleared": ({ after, seen }) =>
    after.lockout === (seen.blocks.lockout !== undefined) &&
    seen.blocks.faults.length === after.faults.length &&
    after.faults.every((fault) => seen.blocks.faults.includes(fault)),

  "R12: an order sets its mark, and only its release takes it away": ({ before, after, seen: { event }, policy }) => {
    if (event.kind === "outOfServiceSet") return after.lockout;
    if (!before.lockout || after.lockout) return true;
    const isSteward = event.kind === "tapAccepted" && event.candidate.isSteward && policy.steward.mayRelease;
    return event.kind === "outOfServiceCleared" || (isSteward && !policy.steward.lockAgain && after.open === undefined);
  },

  "latched faults go only by staff": ({ before, after, seen: { event } }) =>
    (["RELAY_STUCK", "TAMPER", "STORE_UNREADABLE"] as const).every((fault) => {
      if (!before.faults.includes(fault) || after.faults.includes(fault)) return true;
      return event.kind === "faultCleared" || (event.kind === "tapAccepted" && event.candidate.isSteward);
    }),

  "R10, R12, R14, R16: nothing but a wish, the policy or an emergency opens the relay": (watched) => {
    if (!opens(watched)) return true;
    const { before, seen, policy } = watched;
    const { event } = seen;
    const { open } = before;
    switch (event.kind) {
      case "tick":
        return mayOpenByTime(watched);
      case "tapAccepted":
      case "tapRefused":
      case "openTap":
        return isWishToEnd(watched);
      case "endPressed":
      case "endOrdered":
      case "stopped":
      case "startNotLogged":
        return true;
      case "faultRaised":
        return event.severity === "openNow";
      case "outOfServiceSet":
        return event.when === "now";
      case "inputChanged":
        if (isInput(event, "startButton", true)) return open?.key === undefined;
        return ["endButton", "emergencyStop", "tamper"].includes(event.input) && event.active;
      case "badgeStatusChanged":
        return event.status === "withdrawn" && policy.whenRevoked === "cutNow";
      case "started":
      case "cardRemoved":
      case "inputLost":
      case "problemReported":
      case "outOfServiceCleared":
      case "faultCleared":
      case "policyChanged":
      case "readerLost":
      case "readerBack":
        return false;
    }
  },

  "R3: a start permission is over after its seconds": (watched) => {
    const { before, after, seen, policy } = watched;
    if (policy.wiring.output === "hold" || seen.event.kind !== "tick" || !isClosed(before)) return true;
    const closedMs = Math.max(before.sinceMs, before.open?.startedMs ?? before.sinceMs);
    return since(closedMs, watched) < policy.wiring.pulseSeconds * 1000 || !isClosed(after);
  },

  "R10: the maximum holds once the machine rests, and in any case some time after": (watched) => {
    const { before, after, seen, policy } = watched;
    const endsMs = maximumEnd(before, policy);
    if (seen.event.kind !== "tick" || endsMs === undefined) return true;
    const limitMs = mayBeBusy(watched) ? endsMs + policy.session.overrunSeconds * 1000 : endsMs;
    return seen.event.atMs < limitMs || after.open === undefined;
  },

  "R10: a withdrawn badge ends its use as the policy says": (watched) => {
    const { before, after, seen, policy } = watched;
    const forMs = since(before.open?.withdrawnMs, watched);
    if (seen.event.kind !== "tick" || before.open?.closedMs === undefined || forMs < 0) return true;
    const isBusyWired = policy.wiring.inputs.busy !== undefined;
    switch (policy.whenRevoked) {
      case "finishThenLock":
        return isBusyWired || forMs < 600_000 || after.open === undefined;
      case "controlledStop":
        if (!mayBeBusy(watched) && isBusyWired) return after.open === undefined;
        return forMs < policy.graceSeconds * 1000 || after.open === undefined;
      case "grace":
        return forMs < policy.graceSeconds * 1000 || after.open === undefined;
      case "cutNow":
        return after.open === undefined;
    }
  },

  "R10: re-arm is refused to a withdrawn badge, to an overrun and where something waits": (watched) => {
    const { before, seen, policy } = watched;
    if (!seen.records.some(({ kind }) => kind === "sessionExtended")) return true;
    const endsMs = maximumEnd(before, policy);
    const isLate = endsMs === undefined || seen.event.atMs >= endsMs;
    return !isLate && before.open?.withdrawnMs === undefined && !before.lockout && before.faults.length === 0;
  },

  "a use is extended only where the policy extends": ({ seen: { records }, policy }) =>
    policy.session.extend || records.every(({ kind }) => kind !== "sessionExtended"),

  "a machine at rest ends the use after its idle time": (watched) => {
    const { before, after, seen, policy } = watched;
    const busy = before.contacts.busy;
    if (seen.event.kind !== "tick" || before.open?.closedMs === undefined || !busy || !policy.wiring.inputs.busy)
      return true;
    if (busy.active || policy.session.idleSeconds === 0) return true;
    const restsMs = Math.max(busy.sinceMs, before.open.closedMs);
    return since(restsMs, watched) < policy.session.idleSeconds * 1000 || after.open === undefined;
  },

  "a card that must stay in ends the use some time after it left": (watched) => {
    const { before, after, seen, policy } = watched;
    if (seen.event.kind !== "tick" || policy.presence === "tap" || before.open?.key === undefined) return true;
    // The trainer took his away: the trainee has yet to lay hers.
    if (before.open.supervision && before.open.closedMs === undefined) return true;
    return since(before.open.removedMs, watched) < policy.session.removalGraceMs || after.open === undefined;
  },

  "R14: with the reader lost, a card that must stay in ends the use at the latest two minutes after its grace": (
    watched,
  ) => {
    const { before, after, seen, policy } = watched;
    if (seen.event.kind !== "tick" || policy.presence === "tap" || before.open?.key === undefined) return true;
    if (before.open.closedMs === undefined || (before.open.readerLostMs ?? 0) < before.open.closedMs) return true;
    return (
      since(before.open.readerLostMs, watched) < policy.session.removalGraceMs + 120_000 || after.open === undefined
    );
  },

  "R14: the end button works, whatever else does not": ({ after, seen: { event } }) => {
    const isEnd = event.kind === "endPressed" || event.kind === "endOrdered" || isInput(event, "endButton", true);
    return !isEnd || (!isClosed(after) && after.open === undefined);
  },

  "who may not start any more can still finish": ({ before, after, seen: { event }, policy }) => {
    if (event.kind !== "tapRefused" || before.open === undefined || policy.presence === "hold") return true;
    const lastMs = before.lastTap?.key === event.key ? before.lastTap.atMs : before.taps[event.key];
    const isBounce = event.atMs - (lastMs ?? Number.NEGATIVE_INFINITY) < 800;
    return isBounce || before.open.key !== event.key || after.open === undefined;
  },

  "R11: missing extraction feedback forbids a grant": (watched) =>
    !(closes(watched) || (changesHands(watched) && isClosed(watched.after))) ||
    watched.policy.runOn?.feedback !== true ||
    told(watched.after, watched.policy, "extraction") === true,

  "R11: the extraction runs whenever the machine may": ({ after, policy }) =>
    !isClosed(after) || after.outputs.runOn === (policy.runOn !== undefined),

  "a controlled stop is asked for a withdrawn badge alone": ({ after, policy }) =>
    !after.outputs.stop || (policy.whenRevoked === "controlledStop" && after.open?.withdrawnMs !== undefined),

  "a trainee works only after a trainer's tap": ({ before, after, seen: { event }, policy }) => {
    const { open } = after;
    if (open === undefined || open.id === before.open?.id || !isTrainee(open.key)) return true;
    const { supervision } = before.open ?? {};
    const isCovered =
      supervision?.overMs === undefined && supervision !== undefined && policy.supervision.maxTrainees > 1;
    const stays = supervision?.overMs === undefined && before.open?.key === open.key;
    const byTrainer =
      event.kind === "tapAccepted" && event.candidate.maySupervise && event.candidate.holder.key !== open.key;
    return byTrainer || isCovered || stays;
  },

  "the end of supervision never cuts a busy machine": (watched) => {
    const { before, seen } = watched;
    if (!opens(watched) || !mayBeBusy(watched)) return true;
    return (
      !seen.records.some(({ kind, reason }) => kind === "sessionEnded" && reason === "supervision") || !before.open
    );
  },

  "nobody's session is taken over but as the handover says": (watched) => {
    if (!changesHands(watched)) return true;
    const { before, seen, policy } = watched;
    if (seen.event.kind !== "tapAccepted") return false;
    if (before.open?.closedMs === undefined) return policy.handover !== "refuse";
    if (policy.handover === "refuse" || before.lockout || before.faults.length > 0) return false;
    // Confirmed by the same person's second tap within a quarter of a minute, or by a trainer's co-tap.
    const { key } = seen.event.candidate.holder;
    const isConfirmed = seen.event.atMs - (before.taps[key] ?? Number.NEGATIVE_INFINITY) <= 15_000;
    return policy.handover === "free" || isConfirmed || seen.event.candidate.maySupervise;
  },

  "a handover does not open the relay": (watched) => !(changesHands(watched) && opens(watched)),

  "a bouncing reader changes nothing": ({ before, after, seen: { event, records }, policy }) => {
    if (event.kind !== "tapAccepted" || policy.presence === "hold") return true;
    const isBounce = before.lastTap?.key === event.candidate.holder.key && event.atMs - before.lastTap.atMs < 800;
    const isEmergency = records.some(({ kind }) => kind === "faultRaised");
    return (
      !isBounce ||
      isEmergency ||
      !before.isRunning ||
      (before.open?.id === after.open?.id && isClosed(before) === isClosed(after))
    );
  },

  "R22, DESIGN 6: a use that a watching machine only let pass names nobody": ({ seen: { event, records } }) => {
    if (event.kind !== "tapAccepted" || event.candidate.waived.length === 0) return true;
    return records.every(
      ({ kind, holder, issuer, by }) =>
        kind !== "sessionStarted" || (holder === undefined && issuer === undefined && by === undefined),
    );
  },

  "records of a use name it, and last no less than nothing": ({ seen: { records } }) =>
    records.every(
      ({ kind, session, durationMs = 0 }) => durationMs >= 0 && (!kind.startsWith("session") || session !== undefined),
    ),
};

/** Each sentence with what tells whether a step keeps it. */
export const invariants: readonly (readonly [sentence: string, holds: (watched: Watched) => boolean])[] =
  Object.entries(sentences);

/** When the maximum ends the session, counted from its first closing or its last extension. */
function maximumEnd({ open }: Monitor, { session }: MachinePolicy): number | undefined {
  const fromMs = open?.extendedMs ?? open?.closedMs;
  return fromMs === undefined || session.maxSeconds === 0 ? undefined : fromMs + session.maxSeconds * 1000;
}

/** Everything that may open by the passing of time; of a machine that may be busy, only what its policy asks for. */
function mayOpenByTime(watched: Watched): boolean {
  const { before, seen, policy } = watched;
  const { open } = before;
  if (!open) return false;
  const { pulseSeconds, output } = policy.wiring;
  const { removalGraceMs, overrunSeconds } = policy.session;
  const isResting = !mayBeBusy(watched);
  const isBusyWired = policy.wiring.inputs.busy !== undefined;
  const endsMs = maximumEnd(before, policy);
  const withdrawnForMs = since(open.withdrawnMs, watched);
  const unsupervised = open.supervision && policy.supervision.whenTrainerLeaves === "finishThenLock";
  const trainerGoneMs = Math.min(
    open.supervision?.overMs ?? Number.POSITIVE_INFINITY,
    (open.supervision?.sinceMs ?? Number.POSITIVE_INFINITY) + policy.supervision.maxSeconds * 1000,
  );
  const asked: readonly boolean[] = [
    output === "pulse" && since(Math.max(before.sinceMs, open.startedMs), watched) >= pulseSeconds * 1000,
    policy.presence === "hold" && since(open.removedMs, watched) >= removalGraceMs,
    policy.presence === "hold" &&
      since(open.readerLostMs, watched) >= removalGraceMs + (isBusyWired && isResting ? 0 : 120_000),
    endsMs !== undefined && since(endsMs, watched) >= (isResting ? 0 : overrunSeconds * 1000),
    policy.whenRevoked === "finishThenLock" && !isBusyWired && withdrawnForMs >= 600_000,
    policy.whenRevoked === "grace" && withdrawnForMs >= policy.graceSeconds * 1000,
    policy.whenRevoked === "controlledStop" &&
      withdrawnForMs >= (isBusyWired && isResting ? 0 : policy.graceSeconds * 1000),
    isBusyWired &&
      isResting &&
      policy.session.idleSeconds > 0 &&
      restedFor(watched) >= policy.session.idleSeconds * 1000,
    unsupervised === true && seen.event.atMs - trainerGoneMs >= (isBusyWired ? 0 : 600_000) && isResting,
  ];
  return asked.includes(true);
}

function restedFor(watched: Watched): number {
  const { contacts, open } = watched.before;
  return since(Math.max(contacts.busy?.sinceMs ?? 0, open?.closedMs ?? 0), watched);
}

/** A tap by the session's holder, or anyone's where nobody has signed on. */
function isWishToEnd({ before, seen: { event } }: Watched): boolean {
  const key = before.open?.key;
  if (key === undefined) return true;
  if (event.kind === "tapAccepted") return event.candidate.holder.key === key;
  return event.kind === "tapRefused" && event.key === key;
}

function isTrainee(key: string | undefined): boolean {
  return key === "t" || key === "u";
}
