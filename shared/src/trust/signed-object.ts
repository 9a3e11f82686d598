import { decodeStrict, DecodeError } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, Fields } from "../cbor/fields.js";
import { ALG_ED25519, decodeSign1, encodeSign1, toBeSigned } from "../cbor/sign1.js";
import { type CborMap, type CborValue, isCborMap, sameBytes, toHex } from "../cbor/value.js";
import type { TrustCode } from "../codes.js";
import { verifyEd25519 } from "../crypto/verify.js";
import { type Signer, type Verdict, no, yes } from "../verdict.js";

/** Every signed object but the badge (SPEC 4.1): its exact typ and the most bytes it may have. */
export const objectTypes = {
  root: { typ: "application/vnd.badgekey.root", maxBytes: 16_384 },
  trustList: { typ: "application/vnd.badgekey.trust-list", maxBytes: 65_536 },
  policy: { typ: "application/vnd.badgekey.policy", maxBytes: 262_144 },
  statusList: { typ: "application/statuslist+cwt", maxBytes: 65_536 },
  heartbeat: { typ: "application/vnd.badgekey.heartbeat", maxBytes: 16_384 },
  timeAnswer: { typ: "application/vnd.badgekey.time-answer", maxBytes: 1_024 },
  directory: { typ: "application/vnd.badgekey.directory", maxBytes: 262_144 },
  command: { typ: "application/vnd.badgekey.command", maxBytes: 4_096 },
  acknowledgement: { typ: "application/vnd.badgekey.acknowledgement", maxBytes: 1_024 },
  report: { typ: "application/vnd.badgekey.report", maxBytes: 16_384 },
} as const;
export type ObjectType = keyof typeof objectTypes;

/**
 * Payload labels that mean the same in every object of ours (SPEC 4.2); the status list has its own, from its draft.
 */
export const LABEL = { site: 1, version: 2, agent: 3, exp: 4, now: 5, iat: 6 } as const;

/** Signs a payload as an object of a type: protected {1: -19, 4: kid, 16: typ}. */
export function signObject(type: ObjectType, payload: CborMap, signer: Signer): Uint8Array {
  const bytes = encodeSign1(objectHeader(type, signer.keyId), encodeDeterministic(payload), (message) =>
    signer.sign(message),
  );
  if (bytes.length > objectTypes[type].maxBytes)
    throw new RangeError(`${type} grew past ${objectTypes[type].maxBytes} bytes`);
  return bytes;
}

/** What the reader of an object demands of it. */
export interface ObjectExpectation<T> {
  readonly type: ObjectType;
  /** The public key behind a kid, if it holds the role that may sign this; 32 bytes. */
  readonly findKey: (keyId: Uint8Array) => Uint8Array | undefined;
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  /** For agent-bound objects: the agent they must name. */
  readonly agent?: string;
  /** Reads the payload's own members; throws FieldError where they are not as SPEC 4 says. */
  readonly read: (payload: CborMap) => T;
  /** Where site and agent stand, if not at labels 1 and 3. */
  readonly siteLabel?: number;
}

/**
 * Opens a signed object: size, shape, type, role, signature, then site, agent and members; each failure its own code.
 */
export function openObject<T>(bytes: Uint8Array, expected: ObjectExpectation<T>): Verdict<T, TrustCode> {
  const { typ, maxBytes } = objectTypes[expected.type];
  if (bytes.length > maxBytes) return no("OBJECT_TOO_LARGE", `a ${expected.type} has at most ${maxBytes} bytes`);
  const sign1 = readOr(() => decodeSign1(bytes));
  if (!sign1?.tagged || sign1.payload === null || sign1.unprotectedHeader.size > 0) return no("OBJECT_MALFORMED");
  const keyId = sign1.protectedHeader.get(4);
  const shaped = sign1.protectedHeader.size === 3 && sign1.protectedHeader.get(1) === ALG_ED25519;
  if (!shaped || !(keyId instanceof Uint8Array) || keyId.length !== 4) return no("OBJECT_MALFORMED");
  if (sign1.protectedHeader.get(16) !== typ) return no("OBJECT_WRONG_TYPE", `expected ${typ}`);
  const key = expected.findKey(keyId);
  if (!key) return no("SIGNER_UNTRUSTED", `key ${toHex(keyId)}`);
  const message = toBeSigned(sign1.protectedBytes, sign1.payload);
  if (!verifyEd25519({ publicKey: key, message, signature: sign1.signature })) return no("OBJECT_SIGNATURE_INVALID");
  return readPayload(sign1.payload, expected);
}

/** Site, agent and members of a payload whose signature holds. */
export function readPayload<T>(
  payload: Uint8Array,
  expected: Pick<ObjectExpectation<T>, "type" | "site" | "agent" | "read" | "siteLabel">,
): Verdict<T, TrustCode> {
  const map = readOr(() => decodeStrict(payload, { tags: [], maxBytes: objectTypes[expected.type].maxBytes }));
  if (!isCborMap(map)) return no("OBJECT_MALFORMED");
  const site = map.get(expected.siteLabel ?? LABEL.site);
  if (!(site instanceof Uint8Array) || !sameBytes(site, expected.site)) return no("OBJECT_WRONG_SITE");
  if (expected.agent !== undefined && map.get(LABEL.agent) !== expected.agent) return no("OBJECT_WRONG_AGENT");
  const value = readOr(() => expected.read(map));
  return value === undefined ? no("OBJECT_MALFORMED") : yes(value);
}

/** Undefined where the bytes are not what they should be; anything else that goes wrong is a bug and thrown. */
export function readOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError || error instanceof FieldError) return undefined;
    throw error;
  }
}

export function objectHeader(type: ObjectType, keyId: Uint8Array): CborMap {
  return new Map<CborValue, CborValue>([
    [1, ALG_ED25519],
    [4, keyId],
    [16, objectTypes[type].typ],
  ]);
}

/** `Fields` over one of our payloads, where no negative label is known. */
export function payloadFields(payload: CborMap): Fields {
  return new Fields(payload, []);
}
