import * as ed from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { ed25519Equation, p256Equation } from "#crypto";
import * as portable from "./portable.js";

ed.hashes.sha512 = sha512;

/** "native" is node:crypto where there is one (and noble in a browser); "noble" is the reference everywhere. */
export type Engine = "noble" | "native";

export interface SignatureCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** "native" unless told. */
  readonly engine?: Engine;
}

/** The order of the prime subgroup, little-endian (RFC 8032 section 5.1). */
const L = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);
const MOST_KEYS = 256;
const soundKeys = new Map<string, boolean>();

/**
 * Strict Ed25519 (SPEC 2.3): canonical torsion-free key that is not of small order, 64-byte signature, S below the
 * group order, R not of small order; both engines say the same on every input. Never throws on hostile bytes.
 */
export function verifyEd25519({ publicKey, message, signature, engine = "native" }: SignatureCheck): boolean {
  if (signature.length !== 64 || !isSoundEd25519Key(publicKey)) return false;
  const r = signature.subarray(0, 32);
  if (!isBelowOrder(signature.subarray(32)) || isSmallOrderEncoding(r)) return false;
  if (engine === "native") return ed25519Equation(publicKey, message, signature);
  // noble's equation is cofactored: without these it would accept an R with a torsion part, which OpenSSL refuses.
  const point = readPoint(r);
  if (!point || !point.isTorsionFree() || point.isSmallOrder()) return false;
  return portable.ed25519Equation(publicKey, message, signature);
}

/**
 * ECDSA P-256 with SHA-256 over `message`. Key: 65 bytes (04 X Y) or 33 (compressed); signature: 64 bytes R || S, high
 * S allowed (PKOC sends it). Never throws on hostile bytes.
 */
export function verifyP256({ publicKey, message, signature, engine = "native" }: SignatureCheck): boolean {
  const head = publicKey[0];
  const shaped = (publicKey.length === 65 && head === 4) || (publicKey.length === 33 && (head === 2 || head === 3));
  if (!shaped || signature.length !== 64) return false;
  try {
    const equation = engine === "native" ? p256Equation : portable.p256Equation;
    return equation(publicKey, message, signature);
  } catch {
    // Both libraries throw, each its own way, where the key is no point of the curve or R or S is out of range.
    return false;
  }
}

/**
 * True for a key that may enter a list: canonical, on the curve, in the prime-order subgroup, not the identity. Cached.
 */
export function isSoundEd25519Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const name = String.fromCharCode(...publicKey);
  const known = soundKeys.get(name);
  if (known !== undefined) return known;
  const point = readPoint(publicKey);
  const sound = point !== undefined && !point.isSmallOrder() && point.isTorsionFree();
  if (soundKeys.size >= MOST_KEYS) soundKeys.delete(soundKeys.keys().next().value as string);
  soundKeys.set(name, sound);
  return sound;
}

/** Undefined where the 32 bytes are not the canonical encoding of a curve point; noble throws then. */
function readPoint(encoded: Uint8Array): ed.Point | undefined {
  try {
    return ed.Point.fromBytes(encoded, false);
  } catch {
    return undefined;
  }
}

function isBelowOrder(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (scalar[i] as number) - (L[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * The y coordinates of the eight points of small order, canonical and not, sign bit aside; compared without a
 * decompression.
 */
const SMALL_ORDER_Y: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
const smallOrder = new Set(
  SMALL_ORDER_Y.map((hex) => String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)))),
);

function isSmallOrderEncoding(encoded: Uint8Array): boolean {
  const y = Uint8Array.from(encoded);
  y[31] = (y[31] as number) & 0x7f;
  return smallOrder.has(String.fromCharCode(...y));
}
