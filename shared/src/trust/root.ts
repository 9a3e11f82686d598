import { sha256 } from "#crypto";
import { decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, arrayIn, bytesIn, labelled, mapIn, toSeconds, uintIn } from "../cbor/fields.js";
import { ALG_ED25519 } from "../cbor/sign1.js";
import { type CborMap, type CborValue, Tagged, sameBytes, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { ed25519Key, encodeCoseKey, keyIdOf, readCoseKey } from "../crypto/cose-key.js";
import { verifyEd25519 } from "../crypto/verify.js";
import { type Instant, type Signer, type Verdict, no, yes } from "../verdict.js";
import { LABEL, objectTypes, payloadFields, readOr } from "./signed-object.js";

/** The roles a root hands out, with their wire numbers (SPEC 4.3). */
export const roles = { root: 0, trust: 1, policy: 2, online: 3, command: 4 } as const;
export type Role = keyof typeof roles;

export interface RoleKeys {
  readonly threshold: number;
  /** 32-byte Ed25519 public keys, each in one role only. */
  readonly keys: readonly Uint8Array[];
}

export interface Root {
  /** SHA-256 of root version 1, absent in version 1 itself. */
  readonly site?: Uint8Array;
  readonly version: number;
  readonly expiresAt: Instant;
  readonly issuedAt: Instant;
  readonly roles: Readonly<Record<Role, RoleKeys>>;
}

const COSE_SIGN_TAG = 98;
const MOST_KEYS = 32;
const KEYS = 10;
const ROLES = 11;

/**
 * Signs a root as COSE_Sign (tag 98) with every signer given: on rotation a threshold of the old keys and of the new.
 */
export function signRoot(root: Root, signers: readonly Signer[]): Uint8Array {
  const payload = encodeDeterministic(rootPayload(root));
  const body = encodeDeterministic(new Map<CborValue, CborValue>([[16, objectTypes.root.typ]]));
  const signatures = signers.map((signer) => {
    const header = encodeDeterministic(signatureHeader(signer.keyId));
    return [header, new Map(), signer.sign(rootMessage(body, header, payload))];
  });
  return encodeDeterministic(new Tagged(COSE_SIGN_TAG, [body, new Map(), payload, signatures]));
}

/** Site id of a root version 1: its SHA-256. */
export function siteOf(firstRoot: Uint8Array): Uint8Array {
  return sha256(firstRoot);
}

/**
 * Opens a root on the word of `trusted` (the current root's keys), and of its own keys too: both thresholds must be met
 * by distinct keys. For version 1, `trusted` is the root itself and the caller compares its hash with the invite's.
 */
export function openRoot(bytes: Uint8Array, trusted: Root | "self"): Verdict<Root, TrustCode> {
  if (bytes.length > objectTypes.root.maxBytes) return no("OBJECT_TOO_LARGE");
  const parts = readOr(() => takeApart(bytes));
  if (!parts) return no("OBJECT_MALFORMED");
  if (parts.typ !== objectTypes.root.typ) return no("OBJECT_WRONG_TYPE");
  // Before anything of it is read: to judge the keys that a stranger names takes milliseconds each.
  if (trusted !== "self") {
    const refusal = refusalBy(trusted, parts);
    if (refusal) return refusal;
  }
  const read = readOr(() => readRoot(parts.payload));
  if (!read) return no("OBJECT_MALFORMED");
  if (read === "reused") return no("KEY_REUSED");
  return refusalBy(read, parts) ?? yes(read);
}

function refusalBy({ roles: { root } }: Root, parts: RootParts): Verdict<never, TrustCode> | undefined {
  const valid = root.keys.filter((key) => signedBy(key, parts));
  if (valid.length >= root.threshold) return undefined;
  return no("THRESHOLD_NOT_MET", `${valid.length} of ${root.threshold} signatures`);
}

interface RootParts {
  readonly body: Uint8Array;
  readonly typ: CborValue | undefined;
  readonly payload: Uint8Array;
  readonly signatures: readonly { header: Uint8Array; keyId: Uint8Array; signature: Uint8Array }[];
}

function takeApart(bytes: Uint8Array): RootParts {
  const outer = decodeStrict(bytes, { tags: [COSE_SIGN_TAG], maxBytes: objectTypes.root.maxBytes });
  if (!(outer instanceof Tagged)) throw new FieldError("not tagged 98");
  const [body, unprotected, payload, list, ...more] = arrayIn(outer.value, 4);
  if (more.length > 0 || mapIn(unprotected, 0).size > 0) throw new FieldError("not a COSE_Sign of ours");
  const bodyBytes = bytesIn(body, 1, 256);
  const header = mapIn(decodeStrict(bodyBytes, { tags: [] }), 1);
  const signatures = arrayIn(list, MOST_KEYS).map((item) => {
    const [protectedBytes, empty, signature] = arrayIn(item, 3);
    mapIn(empty, 0);
    const header = bytesIn(protectedBytes, 1, 64);
    const keyId = bytesIn(mapIn(decodeStrict(header, { tags: [] }), 2).get(4), 4);
    if (!sameBytes(header, encodeDeterministic(signatureHeader(keyId)))) throw new FieldError("not {1: -19, 4: kid}");
    return { header, keyId, signature: bytesIn(signature, 64) };
  });
  return { body: bodyBytes, typ: header.get(16), payload: bytesIn(payload, 1, objectTypes.root.maxBytes), signatures };
}

/** A key counts once, however many signatures carry its kid. */
function signedBy(key: Uint8Array, { body, payload, signatures }: RootParts): boolean {
  const keyId = keyIdOf(key);
  return signatures.some(
    (one) =>
      sameBytes(one.keyId, keyId) &&
      verifyEd25519({ publicKey: key, message: rootMessage(body, one.header, payload), signature: one.signature }),
  );
}

/** Sig_structure of RFC 9052 section 4.4 for COSE_Sign. */
function rootMessage(body: Uint8Array, header: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeDeterministic(["Signature", body, header, new Uint8Array(0), payload]);
}

function signatureHeader(keyId: Uint8Array): CborMap {
  return new Map<CborValue, CborValue>([
    [1, ALG_ED25519],
    [4, keyId],
  ]);
}

function rootPayload(root: Root): CborMap {
  const everyKey = Object.values(root.roles).flatMap((role) => role.keys);
  const roleMap = new Map<CborValue, CborValue>();
  for (const [role, { threshold, keys }] of Object.entries(root.roles)) {
    roleMap.set(roles[role as Role], [threshold, keys.map(keyIdOf)]);
  }
  return labelled([
    [LABEL.site, root.site],
    [LABEL.version, root.version],
    [LABEL.exp, toSeconds(root.expiresAt)],
    [LABEL.iat, toSeconds(root.issuedAt)],
    [KEYS, everyKey.map((key) => encodeCoseKey(ed25519Key(key)))],
    [ROLES, roleMap],
  ]);
}

function readRoot(payload: Uint8Array): Root | "reused" {
  const fields = payloadFields(mapIn(decodeStrict(payload, { tags: [] }), 64));
  const version = fields.uint(LABEL.version, 0xffff_ffff, 1);
  if (fields.has(LABEL.site) !== version > 1) throw new FieldError("site is absent in version 1 alone");
  const keys = new Map<string, Uint8Array>();
  for (const item of fields.array(KEYS, MOST_KEYS)) {
    const key = readCoseKey(item);
    if (key?.curve !== "Ed25519") throw new FieldError("not a sound Ed25519 key");
    const id = toHex(keyIdOf(key.bytes));
    if (keys.has(id)) return "reused";
    keys.set(id, key.bytes);
  }
  const used = new Set<string>();
  const roleMap = fields.map(ROLES, 16);
  const readRole = (role: Role): RoleKeys | "reused" => {
    const [threshold, ids, ...more] = arrayIn(roleMap.get(roles[role]), 2);
    if (more.length > 0) throw new FieldError("a role is [threshold, kids]");
    const roleKeys: Uint8Array[] = [];
    for (const value of arrayIn(ids, MOST_KEYS)) {
      const id = toHex(bytesIn(value, 4));
      const key = keys.get(id);
      if (!key) throw new FieldError("a kid without its key");
      if (used.has(id)) return "reused";
      used.add(id);
      roleKeys.push(key);
    }
    return { threshold: uintIn(threshold, roleKeys.length, 1), keys: roleKeys };
  };
  const [root, trust, policy, online, command] = (["root", "trust", "policy", "online", "command"] as const).map(
    readRole,
  );
  if (!root || !trust || !policy || !online || !command) throw new FieldError("a role is missing");
  if (root === "reused" || trust === "reused" || policy === "reused" || online === "reused" || command === "reused") {
    return "reused";
  }
  const site = fields.optional(LABEL.site, (label) => fields.bytes(label, 32));
  return {
    ...(site && { site }),
    version,
    expiresAt: fields.instant(LABEL.exp),
    issuedAt: fields.instant(LABEL.iat),
    roles: { root, trust, policy, online, command },
  };
}

/** Finds the key of a role by kid: what `openObject` wants. */
export function roleKey(root: Root, role: Exclude<Role, "root">): (keyId: Uint8Array) => Uint8Array | undefined {
  return (keyId) => root.roles[role].keys.find((key) => sameBytes(keyIdOf(key), keyId));
}
