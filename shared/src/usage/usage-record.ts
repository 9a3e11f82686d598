import { DecodeError, decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, Fields, arrayIn, labelled, uintIn } from "../cbor/fields.js";
import type { CborValue } from "../cbor/value.js";
import { type ClockState, clockStates } from "../trust/report.js";
import type { Instant } from "../verdict.js";

/** What a usage record tells (SPEC 6.3); the index is its wire number. Only ever added to. */
export const usageKinds = [
  "agentStarted",
  "sessionStarted",
  "sessionEnded",
  "startAborted",
  "tapRefused",
  "faultRaised",
  "faultCleared",
  "outOfServiceSet",
  "outOfServiceCleared",
  "gap",
  "securityEvent",
  "clockStepped",
  "commandApplied",
  "commandRefused",
  "cardWritten",
  "cardRead",
  "sessionWarned",
  "sessionExtended",
  "supervisionStarted",
  "supervisionEnded",
  "handedOver",
  "wouldHaveRefused",
  "bypassUsed",
  "ranWithoutSession",
  "problemReported",
  "agentStopped",
  "sessionOverran",
] as const;
export type UsageKind = (typeof usageKinds)[number];

/** One fact. Pseudonyms only: no name ever stands here (SAFETY R22). */
export interface UsageRecord {
  readonly kind: UsageKind;
  readonly at: Instant;
  readonly clock: ClockState;
  readonly machine: string;
  /** Monotonic ms since the agent's start: durations survive clock steps. */
  readonly upMs: number;
  /** 8 random bytes, the same from start to end of one session. */
  readonly session?: Uint8Array;
  /** The badge's pseudonym. */
  readonly holder?: string;
  /** Kid of the issuer: 4 bytes. */
  readonly issuer?: Uint8Array;
  readonly statusIndex?: number;
  /** First 8 bytes of the SHA-256 of the badge. */
  readonly badge?: Uint8Array;
  /** The grants that opened the machine, or those that were missing. */
  readonly grants?: readonly { readonly training: number; readonly level: number }[];
  readonly assurance?: number;
  /** A code of SPEC 9: why refused, which fault, why ended. */
  readonly code?: string;
  readonly reason?: string;
  /** Length of a session, ms of monotonic time. */
  readonly durationMs?: number;
  /** From the last byte of the card to the verdict, microseconds. */
  readonly decisionUs?: number;
  /** How many equal facts this record stands for. */
  readonly count?: number;
  /** Staff pseudonym or id, the supervisor's badge pseudonym, or a command's author. */
  readonly by?: string;
  readonly command?: number;
  readonly job?: string;
  /** A card's UID where staff asked for it (read and write jobs): 4 to 10 bytes. */
  readonly uid?: Uint8Array;
  /** For a gap: first and last lost row, as [boot, sequence] each. */
  readonly lost?: readonly [number, number, number, number];
}

const M = {
  kind: 1,
  at: 2,
  clock: 3,
  machine: 4,
  upMs: 5,
  session: 6,
  holder: 7,
  issuer: 8,
  statusIndex: 9,
  badge: 10,
  grants: 11,
  assurance: 12,
  code: 13,
  reason: 14,
  durationMs: 15,
  decisionUs: 16,
  count: 17,
  by: 18,
  command: 19,
  job: 20,
  uid: 21,
  lost: 22,
} as const;

export function encodeUsageRecord(record: UsageRecord): Uint8Array {
  return encodeDeterministic(
    labelled([
      [M.kind, usageKinds.indexOf(record.kind)],
      [M.at, Math.floor(record.at)],
      [M.clock, clockStates.indexOf(record.clock)],
      [M.machine, record.machine],
      [M.upMs, Math.floor(record.upMs)],
      [M.session, record.session],
      [M.holder, record.holder],
      [M.issuer, record.issuer],
      [M.statusIndex, record.statusIndex],
      [M.badge, record.badge],
      [M.grants, record.grants?.map(({ training, level }) => [training, level])],
      [M.assurance, record.assurance],
      [M.code, record.code],
      [M.reason, record.reason],
      [M.durationMs, record.durationMs === undefined ? undefined : Math.floor(record.durationMs)],
      [M.decisionUs, record.decisionUs === undefined ? undefined : Math.floor(record.decisionUs)],
      [M.count, record.count],
      [M.by, record.by],
      [M.command, record.command],
      [M.job, record.job],
      [M.uid, record.uid],
      [M.lost, record.lost && [...record.lost]],
    ]),
  );
}

/** Throws DecodeError USAGE_MALFORMED, or the decoder's own code. */
export function decodeUsageRecord(bytes: Uint8Array): UsageRecord {
  const value = decodeStrict(bytes, { tags: [], maxBytes: 4_096, maxItems: 512 });
  try {
    return readRecord(new Fields(value, []));
  } catch (cause) {
    if (cause instanceof FieldError) throw new DecodeError("USAGE_MALFORMED", cause.message, { cause });
    throw cause;
  }
}

function readRecord(fields: Fields): UsageRecord {
  const kind = usageKinds[fields.uint(M.kind)];
  if (!kind) throw new FieldError("an unknown kind of record");
  const session = fields.optional(M.session, (label) => fields.bytes(label, 8));
  const holder = fields.optional(M.holder, (label) => fields.text(label, 32));
  const issuer = fields.optional(M.issuer, (label) => fields.bytes(label, 4));
  const statusIndex = fields.optional(M.statusIndex, (label) => fields.uint(label, 0xffff_ffff));
  const badge = fields.optional(M.badge, (label) => fields.bytes(label, 8));
  const grants = fields.optional(M.grants, (label) => fields.array(label, 64).map(readGrant));
  const assurance = fields.optional(M.assurance, (label) => fields.uint(label, 4));
  const code = fields.optional(M.code, (label) => fields.text(label, 64));
  const reason = fields.optional(M.reason, (label) => fields.text(label, 256));
  const durationMs = fields.optional(M.durationMs, (label) => fields.uint(label));
  const decisionUs = fields.optional(M.decisionUs, (label) => fields.uint(label));
  const count = fields.optional(M.count, (label) => fields.uint(label));
  const by = fields.optional(M.by, (label) => fields.text(label, 64));
  const command = fields.optional(M.command, (label) => fields.uint(label, 0xffff_ffff));
  const job = fields.optional(M.job, (label) => fields.text(label, 64));
  const uid = fields.optional(M.uid, (label) => fields.bytes(label, 4, 10));
  const lost = fields.optional(M.lost, (label) => fields.array(label, 4).map((item) => uintIn(item)));
  if (lost && lost.length !== 4) throw new FieldError("a gap names two rows");
  return {
    kind,
    at: fields.uint(M.at, 253_402_300_799_000),
    clock: clockStates[fields.uint(M.clock, 2)] as ClockState,
    machine: fields.text(M.machine, 32),
    upMs: fields.uint(M.upMs),
    ...(session && { session }),
    ...(holder !== undefined && { holder }),
    ...(issuer && { issuer }),
    ...(statusIndex !== undefined && { statusIndex }),
    ...(badge && { badge }),
    ...(grants && { grants }),
    ...(assurance !== undefined && { assurance }),
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    ...(durationMs !== undefined && { durationMs }),
    ...(decisionUs !== undefined && { decisionUs }),
    ...(count !== undefined && { count }),
    ...(by !== undefined && { by }),
    ...(command !== undefined && { command }),
    ...(job !== undefined && { job }),
    ...(uid && { uid }),
    ...(lost && { lost: lost as unknown as readonly [number, number, number, number] }),
  };
}

function readGrant(value: CborValue): { training: number; level: number } {
  const [training, level] = arrayIn(value, 2);
  return { training: uintIn(training, 65_535), level: uintIn(level, 4) };
}
