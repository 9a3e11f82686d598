import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import type { InputName, InterlockEvent, InterlockRecord } from "../interlock-event.js";
import type { Waiting } from "../interlock-state.js";
import type { Outputs } from "../outputs-for.js";

/**
 * An observer of the interlock that knows its events, records and outputs and nothing of its states: what SAFETY and
 * the policy demand, written down a second time.
 */
export interface Monitor {
  /** What the log says of the one session: its start without its end. */
  readonly open: OpenSession | undefined;
  readonly outputs: Outputs;
  readonly lockout: boolean;
  readonly faults: readonly FaultCode[];
  /** As told last; absent: unknown. */
  readonly contacts: { readonly [I in InputName]?: { readonly active: boolean; readonly sinceMs: number } | undefined };
  /** Since when the relay is open, or closed. */
  readonly sinceMs: number;
  readonly isRunning: boolean;
  readonly lastTap: { readonly key: string; readonly atMs: number } | undefined;
  /** When each person's accepted tap was seen last. */
  readonly taps: Readonly<Record<string, number>>;
}

interface OpenSession {
  readonly id: string;
  /** Absent where nobody signed on. */
  readonly key: string | undefined;
  readonly isNamed: boolean;
  readonly startedMs: number;
  /** When its relay closed first. */
  readonly closedMs: number | undefined;
  /** When it was extended last. */
  readonly extendedMs: number | undefined;
  readonly withdrawnMs: number | undefined;
  readonly removedMs: number | undefined;
  readonly readerLostMs: number | undefined;
  readonly supervision:
    { readonly key: string; readonly sinceMs: number; readonly overMs: number | undefined } | undefined;
}

export const FRESH: Monitor = {
  open: undefined,
  outputs: { relay: "open", runOn: false, stop: false },
  lockout: false,
  faults: [],
  contacts: {},
  sinceMs: 0,
  isRunning: false,
  lastTap: undefined,
  taps: {},
};

/** One step as it is seen from outside. */
export interface Observed {
  readonly event: InterlockEvent;
  readonly records: readonly InterlockRecord[];
  readonly outputs: Outputs;
  /** What the interlock says is out of service or at fault, in force or waiting. */
  readonly blocks: Waiting;
}

/** What the log, the contacts and the outputs come to after a step. */
export function follow(before: Monitor, { event, records, outputs }: Observed): Monitor {
  const { atMs } = event;
  const turned = outputs.relay !== before.outputs.relay;
  const base: Monitor = {
    ...before,
    outputs,
    contacts: contactsAfter(before, event),
    sinceMs: turned ? atMs : before.sinceMs,
    isRunning: event.kind === "started" || (before.isRunning && event.kind !== "stopped"),
    open: openAfter(before.open, event),
    lastTap: lastTapAfter(before, event),
    taps: event.kind === "tapAccepted" ? { ...before.taps, [event.candidate.holder.key]: atMs } : before.taps,
  };
  const told = records.reduce((next, record) => afterRecord(next, record, { event, before }), base);
  const closed = outputs.relay === "closed";
  const open = told.open && closed ? { ...told.open, closedMs: told.open.closedMs ?? atMs } : told.open;
  return { ...told, open };
}

function contactsAfter({ contacts }: Monitor, event: InterlockEvent): Monitor["contacts"] {
  if (event.kind === "inputLost") {
    return { ...contacts, [event.input]: undefined };
  }
  if (event.kind !== "inputChanged" || contacts[event.input]?.active === event.active) return contacts;
  return { ...contacts, [event.input]: { active: event.active, sinceMs: event.atMs } };
}

function lastTapAfter({ lastTap, isRunning }: Monitor, event: InterlockEvent): Monitor["lastTap"] {
  if (!isRunning) return undefined;
  if (event.kind === "tapAccepted") return { key: event.candidate.holder.key, atMs: event.atMs };
  if (event.kind === "tapRefused") return { key: event.key, atMs: event.atMs };
  // A restart forgets it; and without a key someone else was there.
  if (
    event.kind === "stopped" ||
    event.kind === "openTap" ||
    (event.kind === "inputChanged" && event.input === "startButton")
  )
    return undefined;
  return lastTap;
}

function openAfter(open: OpenSession | undefined, event: InterlockEvent): OpenSession | undefined {
  if (!open) return undefined;
  const { atMs } = event;
  if (event.kind === "badgeStatusChanged") {
    return { ...open, withdrawnMs: event.status === "good" ? undefined : (open.withdrawnMs ?? atMs) };
  }
  if (event.kind === "cardRemoved") return { ...open, removedMs: open.removedMs ?? atMs };
  if (event.kind === "readerLost") return { ...open, readerLostMs: open.readerLostMs ?? atMs };
  if (event.kind === "tapAccepted" && event.candidate.holder.key === open.key && event.cardPresent) {
    return { ...open, removedMs: undefined, readerLostMs: undefined };
  }
  return open;
}

function afterRecord(
  monitor: Monitor,
  record: InterlockRecord,
  { event, before }: { readonly event: InterlockEvent; readonly before: Monitor },
): Monitor {
  const { open } = monitor;
  const { atMs } = event;
  switch (record.kind) {
    case "sessionStarted":
      return { ...monitor, open: openedBy(record, event, before) };
    case "sessionEnded":
    case "startAborted":
      return { ...monitor, open: undefined };
    case "sessionExtended":
      return open ? { ...monitor, open: { ...open, extendedMs: atMs } } : monitor;
    case "supervisionStarted":
      return open && event.kind === "tapAccepted"
        ? {
            ...monitor,
            open: { ...open, supervision: { key: event.candidate.holder.key, sinceMs: atMs, overMs: undefined } },
          }
        : monitor;
    case "supervisionEnded":
      return open?.supervision
        ? { ...monitor, open: { ...open, supervision: { ...open.supervision, overMs: atMs } } }
        : monitor;
    case "faultRaised":
      return { ...monitor, faults: [...monitor.faults, record.code as FaultCode] };
    case "faultCleared":
      return { ...monitor, faults: monitor.faults.filter((fault) => fault !== record.code) };
    case "outOfServiceSet":
      return { ...monitor, lockout: true };
    case "outOfServiceCleared":
      return { ...monitor, lockout: false };
    default:
      return monitor;
  }
}

/** A session's holder is known by the first byte of its id: the search names its candidates so. */
function openedBy(
  { session, holder, issuer, by }: InterlockRecord,
  { atMs }: InterlockEvent,
  before: Monitor,
): OpenSession {
  const letter = session?.[0] ?? 0;
  return {
    id: String(session),
    key: letter === 0 ? undefined : String.fromCharCode(letter),
    isNamed: holder !== undefined || issuer !== undefined,
    startedMs: atMs,
    closedMs: undefined,
    extendedMs: undefined,
    withdrawnMs: undefined,
    removedMs: undefined,
    readerLostMs: undefined,
    // The trainer may go on answering for the next trainee.
    supervision: by === undefined ? undefined : before.open?.supervision,
  };
}

/** How a contact stands for the policy; what is not wired is not there. */
export function told(monitor: Monitor, policy: MachinePolicy, input: InputName): boolean | "unknown" | "unwired" {
  if (!policy.wiring.inputs[input]) return "unwired";
  return monitor.contacts[input]?.active ?? "unknown";
}
