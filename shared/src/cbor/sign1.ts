import { DecodeError, decodeStrict } from "./decode.js";
import { encodeDeterministic } from "./encode.js";
import { type CborMap, type CborValue, Tagged, isCborMap } from "./value.js";

/** COSE_Sign1 taken apart (RFC 9052 section 4.2); nothing of it is verified. */
export interface Sign1 {
  readonly tagged: boolean;
  /** As received: what Sig_structure holds. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  /** null when detached. */
  readonly payload: Uint8Array | null;
  readonly signature: Uint8Array;
}

/** COSE algorithm Ed25519 (RFC 9864); EdDSA (-8) is deprecated and not accepted by any profile of ours. */
export const ALG_ED25519 = -19;
export const COSE_SIGN1_TAG = 18;
const NOTHING = new Uint8Array(0);

/**
 * Takes a COSE_Sign1 apart, tagged 18 or untagged (RFC 9052 section 4.2). Generic: any algorithm, any header, detached
 * payloads; the profiles of SPEC 3.1 and 4.2 are narrower. Throws DecodeError.
 */
export function decodeSign1(bytes: Uint8Array): Sign1 {
  const outer = decodeStrict(bytes, { tags: [COSE_SIGN1_TAG] });
  const tagged = outer instanceof Tagged;
  const parts = tagged ? outer.value : outer;
  if (!Array.isArray(parts) || parts.length !== 4) throw malformed("not an array of four");
  const [protectedBytes, unprotectedHeader, payload, signature] = parts as readonly CborValue[];
  if (!(protectedBytes instanceof Uint8Array)) throw malformed("the protected header is no byte string");
  if (!isCborMap(unprotectedHeader)) throw malformed("the unprotected header is no map");
  if (payload !== null && !(payload instanceof Uint8Array)) throw malformed("the payload is no byte string");
  if (!(signature instanceof Uint8Array)) throw malformed("the signature is no byte string");
  const protectedHeader = readProtected(protectedBytes);
  for (const label of unprotectedHeader.keys()) {
    if (protectedHeader.has(label)) throw malformed("a label in both headers");
  }
  return { tagged, protectedBytes, protectedHeader, unprotectedHeader, payload, signature };
}

/** Sig_structure of RFC 9052 section 4.4 for COSE_Sign1: the bytes that are signed. */
export function toBeSigned(protectedBytes: Uint8Array, payload: Uint8Array, externalAad = NOTHING): Uint8Array {
  // An encoded empty map is signed as a zero-length string (RFC 9052 section 4.4, step 2).
  const header = protectedBytes.length === 1 && protectedBytes[0] === 0xa0 ? NOTHING : protectedBytes;
  return encodeDeterministic(["Signature1", header, externalAad, payload]);
}

/** Puts a tagged COSE_Sign1 with an empty unprotected header together around a signature over `toBeSigned`. */
export function encodeSign1(
  protectedHeader: CborMap,
  payload: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const protectedBytes = encodeDeterministic(protectedHeader);
  const signature = sign(toBeSigned(protectedBytes, payload));
  return encodeDeterministic(new Tagged(COSE_SIGN1_TAG, [protectedBytes, new Map(), payload, signature]));
}

function readProtected(bytes: Uint8Array): CborMap {
  if (bytes.length === 0) return new Map();
  const header = decodeStrict(bytes, { tags: [] });
  if (!isCborMap(header)) throw malformed("the protected header is no map");
  return header;
}

function malformed(what: string): DecodeError {
  return new DecodeError("COSE_MALFORMED", what);
}
