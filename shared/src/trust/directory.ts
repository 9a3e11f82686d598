import { gcm } from "@noble/ciphers/aes.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { randomBytes, sha256 } from "#crypto";
import { arrayIn, bytesIn, labelled, toSeconds, uintIn } from "../cbor/fields.js";
import { type CborMap, type CborValue, concatBytes, fromHex, sameBytes, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import type { Instant, Signer, Verdict } from "../verdict.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";
import type { IssuerEntry } from "./trust-list.js";

/** Badges that cards and phones do not carry (SPEC 4.9): an index, never an authority. */
export interface DirectoryShard {
  readonly version: number;
  readonly issuedAt: Instant;
  readonly shard: number;
  readonly shards: number;
  /** Hex SHA-256 of a holder's key → its badge, in the clear (only badges with cnf). */
  readonly byKey: ReadonlyMap<string, Uint8Array>;
  /** Hex SHA-256 of an old badge → its successor, sealed. */
  readonly successors: ReadonlyMap<string, Uint8Array>;
  /** Hex HMAC of a card's UID under the agent's key → badge, sealed. */
  readonly byUid: ReadonlyMap<string, Uint8Array>;
}

const SHARD = 10;
const BY_KEY = 11;
const SUCCESSORS = 12;
const BY_UID = 13;
const MOST_ENTRIES = 512;
const MOST_SEALED = 640;
const SUCCESSOR_INFO = new TextEncoder().encode("badgekey successor 1");

export function signDirectoryShard(shard: DirectoryShard, site: Uint8Array, signer: Signer): Uint8Array {
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.version, shard.version],
    [LABEL.iat, toSeconds(shard.issuedAt)],
    [SHARD, [shard.shard, shard.shards]],
    [BY_KEY, fromEntries(shard.byKey)],
    [SUCCESSORS, fromEntries(shard.successors)],
    [BY_UID, fromEntries(shard.byUid)],
  ]);
  return signObject("directory", payload, signer);
}

export function openDirectoryShard(
  bytes: Uint8Array,
  issuer: IssuerEntry,
  site: Uint8Array,
): Verdict<DirectoryShard, TrustCode> {
  return openObject(bytes, {
    type: "directory",
    site,
    findKey: (keyId) => (sameBytes(keyId, issuer.keyId) ? issuer.key : undefined),
    read: (payload) => {
      const fields = payloadFields(payload);
      const [shard, shards] = arrayIn(fields.raw(SHARD), 2);
      return {
        version: fields.uint(LABEL.version, 0xffff_ffff, 1),
        issuedAt: fields.instant(LABEL.iat),
        shard: uintIn(shard, 9_999),
        shards: uintIn(shards, 10_000, 1),
        byKey: toEntries(fields.map(BY_KEY, MOST_ENTRIES)),
        successors: toEntries(fields.map(SUCCESSORS, MOST_ENTRIES)),
        byUid: toEntries(fields.map(BY_UID, MOST_ENTRIES)),
      };
    },
  });
}

/** The key under which a badge's successor is found: hex SHA-256 of the old badge's bytes. */
export function successorKey(oldBadge: Uint8Array): string {
  return toHex(sha256(oldBadge));
}

/**
 * Seals a successor so that only who holds the old badge can read it: AES-256-GCM, key by HKDF-SHA-256 over the old
 * badge's 64 signature bytes, salt the site; 12 random nonce bytes in front (SPEC 4.9).
 */
export function sealSuccessor(successor: Uint8Array, oldBadge: Uint8Array, site: Uint8Array): Uint8Array {
  const nonce = randomBytes(12);
  return concatBytes(nonce, gcm(successorSecret(oldBadge, site), nonce).encrypt(successor));
}

/** Undefined where the seal does not open with this badge. */
export function openSuccessor(sealed: Uint8Array, oldBadge: Uint8Array, site: Uint8Array): Uint8Array | undefined {
  if (sealed.length < 28) return undefined;
  try {
    return gcm(successorSecret(oldBadge, site), sealed.subarray(0, 12)).decrypt(sealed.subarray(12));
  } catch {
    // The cipher library throws on a wrong tag; that is the answer, not a fault.
    return undefined;
  }
}

function successorSecret(oldBadge: Uint8Array, site: Uint8Array): Uint8Array {
  return hkdf(nobleSha256, oldBadge.subarray(-64), site, SUCCESSOR_INFO, 32);
}

function fromEntries(entries: ReadonlyMap<string, Uint8Array>): CborMap {
  return new Map<CborValue, CborValue>([...entries].map(([key, value]) => [fromHex(key), value]));
}

function toEntries(map: CborMap): ReadonlyMap<string, Uint8Array> {
  return new Map([...map].map(([key, value]) => [toHex(bytesIn(key, 32)), bytesIn(value, 1, MOST_SEALED)]));
}
