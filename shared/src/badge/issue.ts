import { encodeSign1 } from "../cbor/sign1.js";
import type { Signer } from "../verdict.js";
import { type BadgeClaims, badgeHeader, encodeClaims } from "./badge.js";

/** Signs claims into a badge (SPEC 3.1): tag 18, protected {1: -19, 4: kid}, unprotected {}. */
export function signBadge(claims: BadgeClaims, signer: Signer): Uint8Array {
  return encodeSign1(badgeHeader(signer.keyId), encodeClaims(claims), (message) => signer.sign(message));
}
