import { sha256 } from "#crypto";
import { encodeDeterministic } from "../cbor/encode.js";
import { type CborMap, type CborValue, isCborMap } from "../cbor/value.js";
import { isSoundEd25519Key } from "./verify.js";

/** A public key as COSE_Key carries it (RFC 9053 section 7): Ed25519 raw 32 bytes, or P-256 compressed to 33. */
export type PublicKey =
  { readonly curve: "Ed25519"; readonly bytes: Uint8Array } | { readonly curve: "P-256"; readonly bytes: Uint8Array };

export function ed25519Key(bytes: Uint8Array): PublicKey {
  return { curve: "Ed25519", bytes };
}

/** COSE_Key: {1: 1, -1: 6, -2: x} for Ed25519, {1: 2, -1: 1, -2: x, -3: sign of y} for P-256. */
export function encodeCoseKey(key: PublicKey): CborMap {
  if (key.curve === "Ed25519") {
    return new Map<CborValue, CborValue>([
      [1, 1],
      [-1, 6],
      [-2, key.bytes],
    ]);
  }
  return new Map<CborValue, CborValue>([
    [1, 2],
    [-1, 1],
    [-2, key.bytes.subarray(1)],
    [-3, key.bytes[0] === 3],
  ]);
}

/** Undefined where the map is not exactly one of the two forms, or an Ed25519 key is unsound (SPEC 2.3). */
export function readCoseKey(value: CborValue | undefined): PublicKey | undefined {
  if (!isCborMap(value)) return undefined;
  const x = value.get(-2);
  if (!(x instanceof Uint8Array) || x.length !== 32) return undefined;
  if (value.size === 3 && value.get(1) === 1 && value.get(-1) === 6) {
    return isSoundEd25519Key(x) ? { curve: "Ed25519", bytes: x } : undefined;
  }
  const y = value.get(-3);
  if (value.size === 4 && value.get(1) === 2 && value.get(-1) === 1 && typeof y === "boolean") {
    const bytes = new Uint8Array(33);
    bytes[0] = y ? 3 : 2;
    bytes.set(x, 1);
    return { curve: "P-256", bytes };
  }
  return undefined;
}

/** The key id: first 4 bytes of the RFC 9679 thumbprint (SHA-256 over the required members, deterministic). */
export function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return sha256(encodeDeterministic(encodeCoseKey(ed25519Key(publicKey)))).subarray(0, 4);
}
