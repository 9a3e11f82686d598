import { FieldError, Fields, arrayIn, labelled, toSeconds, uintIn } from "../cbor/fields.js";
import { type CborMap, type CborValue, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { ed25519Key, encodeCoseKey, keyIdOf, readCoseKey } from "../crypto/cose-key.js";
import { type Instant, type Signer, type Verdict, no } from "../verdict.js";
import { type Root, roleKey } from "./root.js";
import { LABEL, openObject, payloadFields, signObject } from "./signed-object.js";

/** How much a presentation proves: 0 UID alone … 4 challenge plus staff or user verification. */
export type Assurance = 0 | 1 | 2 | 3 | 4;

/** One issuer the site accepts (SPEC 4.3). */
export interface IssuerEntry {
  /** 32-byte Ed25519 key that signs badges and directories. */
  readonly key: Uint8Array;
  readonly keyId: Uint8Array;
  readonly name: string;
  /** A badge's iat must lie in [notBefore, notAfter]. */
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Only badges issued before this count: a cut-off after a key theft. */
  readonly issuedBefore?: Instant;
  /** The issuer's training numbers it may grant → this site's numbers. */
  readonly trainings: ReadonlyMap<number, number>;
  readonly highestAssurance: Assurance;
  readonly statusKey: Uint8Array;
  readonly statusUri: string;
}

export interface TrustList {
  readonly version: number;
  readonly expiresAt: Instant;
  readonly issuedAt: Instant;
  /** By kid in hex. */
  readonly issuers: ReadonlyMap<string, IssuerEntry>;
}

const ISSUERS = 10;
const ENTRY = {
  key: 1,
  name: 2,
  window: 3,
  issuedBefore: 4,
  trainings: 5,
  assurance: 6,
  statusKey: 7,
  statusUri: 8,
} as const;
const MOST_ISSUERS = 64;

export function signTrustList(
  list: Omit<TrustList, "issuers"> & { readonly issuers: readonly Omit<IssuerEntry, "keyId">[] },
  site: Uint8Array,
  signer: Signer,
): Uint8Array {
  const payload = labelled([
    [LABEL.site, site],
    [LABEL.version, list.version],
    [LABEL.exp, toSeconds(list.expiresAt)],
    [LABEL.iat, toSeconds(list.issuedAt)],
    [ISSUERS, list.issuers.map(issuerEntry)],
  ]);
  return signObject("trustList", payload, signer);
}

/** Opens a trust list: signed by the trust role, no key twice and none that the root gave a role (KEY_REUSED). */
export function openTrustList(bytes: Uint8Array, root: Root, site: Uint8Array): Verdict<TrustList, TrustCode> {
  const opened = openObject(bytes, { type: "trustList", site, findKey: roleKey(root, "trust"), read: readTrustList });
  if (!opened.ok) return opened;
  const taken = new Set(Object.values(root.roles).flatMap((role) => role.keys.map((key) => toHex(keyIdOf(key)))));
  for (const issuer of opened.value.list) {
    for (const id of [toHex(issuer.keyId), toHex(keyIdOf(issuer.statusKey))]) {
      if (taken.has(id)) return no("KEY_REUSED", `key ${id}`);
      taken.add(id);
    }
  }
  const { list, ...rest } = opened.value;
  return { ok: true, value: { ...rest, issuers: new Map(list.map((issuer) => [toHex(issuer.keyId), issuer])) } };
}

function issuerEntry(issuer: Omit<IssuerEntry, "keyId">): CborMap {
  const trainings = new Map<CborValue, CborValue>(issuer.trainings);
  return labelled([
    [ENTRY.key, encodeCoseKey(ed25519Key(issuer.key))],
    [ENTRY.name, issuer.name],
    [ENTRY.window, [toSeconds(issuer.notBefore), toSeconds(issuer.notAfter)]],
    [ENTRY.issuedBefore, issuer.issuedBefore === undefined ? undefined : toSeconds(issuer.issuedBefore)],
    [ENTRY.trainings, trainings],
    [ENTRY.assurance, issuer.highestAssurance],
    [ENTRY.statusKey, encodeCoseKey(ed25519Key(issuer.statusKey))],
    [ENTRY.statusUri, issuer.statusUri],
  ]);
}

function readTrustList(payload: CborMap): Omit<TrustList, "issuers"> & { list: readonly IssuerEntry[] } {
  const fields = payloadFields(payload);
  return {
    version: fields.uint(LABEL.version, 0xffff_ffff, 1),
    expiresAt: fields.instant(LABEL.exp),
    issuedAt: fields.instant(LABEL.iat),
    list: fields.array(ISSUERS, MOST_ISSUERS).map(readIssuer),
  };
}

function readIssuer(value: CborValue): IssuerEntry {
  const fields = new Fields(value, []);
  const key = ed25519At(fields, ENTRY.key);
  const [notBefore, notAfter, ...more] = arrayIn(fields.raw(ENTRY.window), 2);
  if (more.length > 0) throw new FieldError("a window is [not before, not after]");
  const trainings = new Map<number, number>();
  for (const [from, to] of fields.map(ENTRY.trainings, 1024)) trainings.set(uintIn(from, 65_535), uintIn(to, 65_535));
  const issuedBefore = fields.optional(ENTRY.issuedBefore, (label) => fields.instant(label));
  return {
    key,
    keyId: keyIdOf(key),
    name: fields.text(ENTRY.name, 128),
    notBefore: uintIn(notBefore, 253_402_300_799) * 1000,
    notAfter: uintIn(notAfter, 253_402_300_799) * 1000,
    ...(issuedBefore !== undefined && { issuedBefore }),
    trainings,
    highestAssurance: fields.uint(ENTRY.assurance, 4) as Assurance,
    statusKey: ed25519At(fields, ENTRY.statusKey),
    statusUri: fields.text(ENTRY.statusUri, 256),
  };
}

function ed25519At(fields: Fields, label: number): Uint8Array {
  const key = readCoseKey(fields.raw(label));
  if (key?.curve !== "Ed25519") throw new FieldError("not a sound Ed25519 key");
  return key.bytes;
}
