import {
  DecodeError,
  type FaultCode,
  type Lockout,
  type UsageRecord,
  decodeStrict,
  decodeUsageRecord,
  encodeDeterministic,
  encodeUsageRecord,
  faultCodes,
} from "@badgekey/shared";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { type InterlockState, blocksOf } from "./interlock/interlock-state.js";
import type { MarkChanges, Marks } from "./ports.js";

/** These stay until staff release them, over restarts, too (SAFETY R5). */
export const LATCHED_FAULTS: readonly FaultCode[] = ["RELAY_STUCK", "TAMPER", "STORE_UNREADABLE"];

const OUT_OF_SERVICE = "outOfService";
const FAULT = "fault/";
const SESSION = "session";
const COMMAND = "command";
const RELEASED = "released";

/** What the last run left. */
export interface Restored {
  readonly lockout?: Lockout;
  readonly faults: readonly FaultCode[];
  /** The start of a session that nobody ended. */
  readonly session?: UsageRecord;
  readonly lastCommand: number;
  /** Lockouts set up to here have been released. */
  readonly releasedAt: number;
  /** Marks that could not be read. */
  readonly damaged: readonly string[];
}

export function readMarks(marks: Marks): Restored {
  const damaged: string[] = [];
  const read = <T>(name: string, parse: (bytes: Uint8Array) => T | undefined): T | undefined => {
    const bytes = marks.get(name);
    if (!bytes) return undefined;
    const value = parse(bytes);
    if (value === undefined) damaged.push(name);
    return value;
  };
  const lockout = read(OUT_OF_SERVICE, readLockout);
  const session = read(SESSION, orUndefined(decodeUsageRecord));
  const faults = [...marks.keys()]
    .filter((name) => name.startsWith(FAULT))
    .map((name) => name.slice(FAULT.length))
    .filter((code): code is FaultCode => code in faultCodes);
  return {
    faults,
    lastCommand: read(COMMAND, readNumber) ?? 0,
    releasedAt: read(RELEASED, readNumber) ?? 0,
    damaged,
    ...(lockout && { lockout }),
    ...(session && { session }),
  };
}

/** What must be durable together with the records of a step. */
export function marksOfStep(
  before: InterlockState,
  after: InterlockState,
  records: readonly UsageRecord[],
): Map<string, Uint8Array | null> {
  const changes = new Map<string, Uint8Array | null>();
  const [was, is] = [blocksOf(before), blocksOf(after)];
  if (was.lockout !== is.lockout) changes.set(OUT_OF_SERVICE, is.lockout ? encodeLockout(is.lockout) : null);
  for (const fault of LATCHED_FAULTS) {
    if (was.faults.includes(fault) === is.faults.includes(fault)) continue;
    changes.set(FAULT + fault, is.faults.includes(fault) ? new Uint8Array(0) : null);
  }
  for (const record of records) {
    if (record.kind === "sessionStarted") changes.set(SESSION, encodeUsageRecord(record));
    if (record.kind === "sessionEnded" || record.kind === "startAborted") changes.set(SESSION, null);
  }
  return changes;
}

/** SAFETY R5: the end of a session that a crash or a power cut ended; nobody knows how long it was. */
export function interruptedEnd({ session, holder, issuer, statusIndex, badge }: UsageRecord): InterlockRecord {
  return {
    kind: "sessionEnded",
    reason: "interrupted",
    ...(session && { session }),
    ...(holder !== undefined && { holder }),
    ...(issuer && { issuer }),
    ...(statusIndex !== undefined && { statusIndex }),
    ...(badge && { badge }),
  };
}

export const sessionClosed: MarkChanges = new Map([[SESSION, null]]);

export function commandCounted(number: number): MarkChanges {
  return new Map([[COMMAND, encodeDeterministic(number)]]);
}

export function releasedUpTo(at: number): MarkChanges {
  return new Map([[RELEASED, encodeDeterministic(at)]]);
}

function encodeLockout({ reason, by, at }: Lockout): Uint8Array {
  return encodeDeterministic([reason, by, at]);
}

function readLockout(bytes: Uint8Array): Lockout | undefined {
  const value = orUndefined(decodeStrict)(bytes);
  if (!Array.isArray(value)) return undefined;
  const [reason, by, at] = value as readonly unknown[];
  const whole = typeof reason === "string" && typeof by === "string" && typeof at === "number";
  return whole ? { reason, by, at } : undefined;
}

function readNumber(bytes: Uint8Array): number | undefined {
  const value = orUndefined(decodeStrict)(bytes);
  return typeof value === "number" ? value : undefined;
}

function orUndefined<T>(decode: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T | undefined {
  return (bytes) => {
    try {
      return decode(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  };
}
