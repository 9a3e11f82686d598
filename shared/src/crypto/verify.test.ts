import * as ed from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, fromHex } from "../cbor/value.js";
import { signEd25519 } from "./portable.js";
import { isSoundEd25519Key, verifyEd25519, verifyP256 } from "./verify.js";

ed.hashes.sha512 = sha512;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const message = new TextEncoder().encode("enable laser");

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function challenge(r: Uint8Array, key: Uint8Array): bigint {
  return fromLittleEndian(sha512(concatBytes(r, key, message))) % L;
}

/** Both engines must say the same of every input: an agent and a browser never disagree. */
function both(publicKey: Uint8Array, signature: Uint8Array): boolean {
  const [noble, native] = (["noble", "native"] as const).map((engine) =>
    verifyEd25519({ publicKey, message, signature, engine }),
  );
  expect({ noble, native }).toEqual({ noble: native, native });
  return native === true;
}

// A point of order 8 and its multiples: what an attacker adds to make mixed-order points.
const torsion = ed.Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
const secret = 123456789012345678901234567890n;
const key = ed.Point.BASE.multiply(secret);

describe("strict Ed25519, SPEC 2.3", () => {
  test("an honest signature holds in both engines", () => {
    const seed = new Uint8Array(32).fill(9);
    expect(both(ed.getPublicKey(seed), signEd25519(seed, message))).toBe(true);
  });

  test("S + L, the malleable twin, is refused", () => {
    const seed = new Uint8Array(32).fill(9);
    const signature = signEd25519(seed, message);
    const twin = concatBytes(signature.subarray(0, 32), littleEndian(fromLittleEndian(signature.subarray(32)) + L));
    expect(both(ed.getPublicKey(seed), twin)).toBe(false);
  });

  test("a mixed-order key is refused although the cofactored equation would hold", () => {
    for (let i = 1; i < 8; i++) {
      const mixed = key.add(torsion.multiply(BigInt(i))).toBytes();
      const nonce = 77777n;
      const r = ed.Point.BASE.multiply(nonce).toBytes();
      const s = (nonce + challenge(r, mixed) * secret) % L;
      expect(isSoundEd25519Key(mixed)).toBe(false);
      expect(both(mixed, concatBytes(r, littleEndian(s)))).toBe(false);
    }
  });

  test("a mixed-order R is refused although the cofactored equation would hold", () => {
    const publicKey = key.toBytes();
    for (let i = 1; i < 8; i++) {
      const nonce = 88888n;
      const r = ed.Point.BASE.multiply(nonce)
        .add(torsion.multiply(BigInt(i)))
        .toBytes();
      const s = (nonce + challenge(r, publicKey) * secret) % L;
      expect(both(publicKey, concatBytes(r, littleEndian(s)))).toBe(false);
    }
  });

  test("every small-order point is refused as key and as R, canonical or not", () => {
    const encodings = [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ].map(fromHex);
    for (const encoded of encodings) {
      expect(isSoundEd25519Key(encoded)).toBe(false);
      expect(both(encoded, concatBytes(encoded, new Uint8Array(32)))).toBe(false);
      const publicKey = key.toBytes();
      const s = (challenge(encoded, publicKey) * secret) % L;
      expect(both(publicKey, concatBytes(encoded, littleEndian(s)))).toBe(false);
    }
  });

  test("a non-canonical y of a good point is refused as key and as R", () => {
    // y + p for the few y below 19 that are on the curve.
    const p = 2n ** 255n - 19n;
    for (let y = 2n; y < 19n; y++) {
      const encoded = littleEndian(y + p);
      expect(isSoundEd25519Key(encoded)).toBe(false);
      expect(both(key.toBytes(), concatBytes(encoded, littleEndian(5n)))).toBe(false);
    }
  });

  test("no bytes make either engine throw, and they never disagree", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: 0, maxLength: length });
    fc.assert(
      fc.property(bytes(40), bytes(70), (publicKey, signature) => !both(publicKey, signature)),
      { numRuns: 500 },
    );
    const seed = new Uint8Array(32).fill(3);
    const honest = signEd25519(seed, message);
    fc.assert(
      fc.property(fc.nat(63), fc.nat(7), (at, bit) => {
        const edited = Uint8Array.from(honest);
        edited[at] = (edited[at] as number) ^ (1 << bit);
        return !both(ed.getPublicKey(seed), edited);
      }),
      { numRuns: 200 },
    );
  });
});

describe("P-256", () => {
  test("hostile keys and signatures are false, never an exception, in both engines", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length - 1, maxLength: length + 1 });
    fc.assert(
      fc.property(fc.oneof(bytes(65), bytes(33)), bytes(64), (publicKey, signature) => {
        for (const head of [2, 3, 4, 6]) {
          const shaped = Uint8Array.from(publicKey);
          shaped[0] = head;
          for (const engine of ["noble", "native"] as const) {
            if (verifyP256({ publicKey: shaped, message, signature, engine })) return false;
          }
        }
        return true;
      }),
      { numRuns: 200 },
    );
  });
});
