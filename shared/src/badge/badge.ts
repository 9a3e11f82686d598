import { DecodeError, decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, Fields, arrayIn, labelled, toSeconds, uintIn } from "../cbor/fields.js";
import { ALG_ED25519 } from "../cbor/sign1.js";
import { type CborMap, type CborValue, isCborMap } from "../cbor/value.js";
import { type PublicKey, encodeCoseKey, readCoseKey } from "../crypto/cose-key.js";
import type { Instant } from "../verdict.js";

/** 1 trainee, 2 user, 3 trainer, 4 steward. */
export type Level = 1 | 2 | 3 | 4;

/** One (training, level) of a badge. Training numbers are the issuer's. */
export interface Grant {
  readonly training: number;
  readonly level: Level;
  /** Ends so many days before the badge does; 0 ends with it. */
  readonly daysBefore: number;
}

/** The claims of a badge (SPEC 3.2). */
export interface BadgeClaims {
  /** 8-character pseudonym; absent in the compact profile. */
  readonly holder?: string;
  readonly expiresAt: Instant;
  /** Absent in the compact profile. */
  readonly issuedAt?: Instant;
  readonly statusIndex: number;
  readonly grants: readonly Grant[];
  /** The key of a phone or key card that must answer a challenge. */
  readonly holderKey?: PublicKey;
  /** The 7-byte UID of the one card that may carry it. */
  readonly cardUid?: Uint8Array;
  /** First 8 bytes of the SHA-256 of the badge this one succeeds. */
  readonly succeeds?: Uint8Array;
}

export const BADGE_MAX_BYTES = 512;
export const BADGE_MAX_LIFE_MS = 400 * 86_400_000;
export const DAY_MS = 86_400_000;
const MOST_GRANTS = 64;
const MOST_TRAINING = 65_535;
const MOST_STATUS_INDEX = 0xffff_ffff;
const PSEUDONYM = /^[0-9a-z]{8}$/;

const CLAIM = { sub: 2, exp: 4, iat: 6, cti: 7, cnf: 8, scope: 9, cid: -65537, succeeds: -65538 } as const;

/** The only protected header a badge may have: {1: -19, 4: kid}. */
export function badgeHeader(keyId: Uint8Array): CborMap {
  return new Map<CborValue, CborValue>([
    [1, ALG_ED25519],
    [4, keyId],
  ]);
}

/** Encodes claims deterministically (SPEC 3.2); throws RangeError for claims that no verifier would accept. */
export function encodeClaims(claims: BadgeClaims): Uint8Array {
  const bytes = encodeDeterministic(
    labelled([
      [CLAIM.sub, claims.holder],
      [CLAIM.exp, toSeconds(claims.expiresAt)],
      [CLAIM.iat, claims.issuedAt === undefined ? undefined : toSeconds(claims.issuedAt)],
      [CLAIM.cti, minimalBytes(claims.statusIndex)],
      [CLAIM.cnf, claims.holderKey && new Map([[1, encodeCoseKey(claims.holderKey)]])],
      [CLAIM.scope, encodeScope(claims.grants)],
      [CLAIM.cid, claims.cardUid],
      [CLAIM.succeeds, claims.succeeds],
    ]),
  );
  if (!readClaims(bytes)) throw new RangeError("the claims are outside the badge profile (SPEC 3.2)");
  return bytes;
}

/** Reads a badge's payload; undefined where anything is outside the profile. */
export function readClaims(payload: Uint8Array): BadgeClaims | undefined {
  try {
    return readFields(
      new Fields(decodeStrict(payload, { maxBytes: BADGE_MAX_BYTES, tags: [] }), [CLAIM.cid, CLAIM.succeeds]),
    );
  } catch (error) {
    if (error instanceof DecodeError || error instanceof FieldError) return undefined;
    throw error;
  }
}

function readFields(fields: Fields): BadgeClaims {
  const expiresAt = fields.instant(CLAIM.exp);
  const issuedAt = fields.optional(CLAIM.iat, (label) => fields.instant(label));
  if (issuedAt !== undefined && (issuedAt >= expiresAt || expiresAt - issuedAt > BADGE_MAX_LIFE_MS)) {
    throw new FieldError("lives longer than 400 days, or ends before it begins");
  }
  const holder = fields.optional(CLAIM.sub, (label) => fields.text(label, 8, PSEUDONYM));
  const holderKey = fields.optional(CLAIM.cnf, (label) => readConfirmation(fields.raw(label)));
  const cardUid = fields.optional(CLAIM.cid, (label) => readCardUid(fields.bytes(label, 7)));
  const succeeds = fields.optional(CLAIM.succeeds, (label) => fields.bytes(label, 8));
  return {
    expiresAt,
    statusIndex: readStatusIndex(fields.bytes(CLAIM.cti, 1, 4)),
    grants: readScope(fields.bytes(CLAIM.scope, 1, BADGE_MAX_BYTES)),
    ...(holder !== undefined && { holder }),
    ...(issuedAt !== undefined && { issuedAt }),
    ...(holderKey && { holderKey }),
    ...(cardUid && { cardUid }),
    ...(succeeds && { succeeds }),
  };
}

function readConfirmation(value: CborValue | undefined): PublicKey {
  const key = isCborMap(value) && value.size === 1 ? readCoseKey(value.get(1)) : undefined;
  if (!key) throw new FieldError("cnf is not {1: COSE_Key}");
  return key;
}

/** UIDs that begin with 08 are random ones: nothing binds to them. */
function readCardUid(uid: Uint8Array): Uint8Array {
  if (uid[0] === 0x08) throw new FieldError("a random UID binds nothing");
  return uid;
}

function readStatusIndex(bytes: Uint8Array): number {
  if (bytes.length > 1 && bytes[0] === 0) throw new FieldError("the status index is not minimal");
  return bytes.reduce((index, byte) => index * 256 + byte, 0);
}

function minimalBytes(index: number): Uint8Array {
  if (!Number.isSafeInteger(index) || index < 0 || index > MOST_STATUS_INDEX)
    throw new RangeError("status index out of range");
  const bytes: number[] = [];
  let rest = index;
  do {
    bytes.unshift(rest % 256);
    rest = Math.floor(rest / 256);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

function encodeScope(grants: readonly Grant[]): Uint8Array {
  const sorted = [...grants].sort((a, b) => a.training - b.training);
  return encodeDeterministic(
    sorted.map(({ training, level, daysBefore }) =>
      daysBefore > 0 ? [training, level, daysBefore] : [training, level],
    ),
  );
}

function readScope(bytes: Uint8Array): readonly Grant[] {
  const items = arrayIn(decodeStrict(bytes, { maxBytes: BADGE_MAX_BYTES, tags: [] }), MOST_GRANTS);
  if (items.length === 0) throw new FieldError("no grant");
  let previous = -1;
  return items.map((item) => {
    const parts = arrayIn(item, 3);
    if (parts.length < 2) throw new FieldError("a grant is [training, level] or [training, level, days]");
    const training = uintIn(parts[0], MOST_TRAINING);
    if (training <= previous) throw new FieldError("grants are not sorted by training, each once");
    previous = training;
    const level = uintIn(parts[1], 4, 1) as Level;
    return { training, level, daysBefore: parts.length === 3 ? uintIn(parts[2], 400, 1) : 0 };
  });
}
