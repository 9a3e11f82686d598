import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSign1, decodeStatusList, fromHex, toBeSigned, verifyEd25519, verifyP256 } from "@badgekey/shared";
import { describe, expect, test } from "vitest";

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../shared/vectors/published");

function read<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(folder, name), "utf8")) as T;
}

interface CoseCase {
  input: { sign0: { key: { x_hex: string; y_hex?: string } } };
  intermediates: { ToBeSign_hex: string };
  output: { cbor: string };
}

describe("published third-party vectors", () => {
  test("cose-wg EdDSA-01: taken apart, the same bytes to be signed, verified by both engines", () => {
    const one = read<CoseCase>("cose-eddsa-sig-01.json");
    const sign1 = decodeSign1(fromHex(one.output.cbor));
    const message = toBeSigned(sign1.protectedBytes, sign1.payload as Uint8Array);
    expect(message).toEqual(fromHex(one.intermediates.ToBeSign_hex));
    const publicKey = fromHex(one.input.sign0.key.x_hex);
    for (const engine of ["noble", "native"] as const) {
      expect(verifyEd25519({ publicKey, message, signature: sign1.signature, engine })).toBe(true);
      expect(verifyEd25519({ publicKey, message: message.slice(1), signature: sign1.signature, engine })).toBe(false);
    }
  });

  test("RFC 8392 A.3: an ES256 CWT", () => {
    const one = read<CoseCase>("cose-rfc8392-a3.json");
    const sign1 = decodeSign1(fromHex(one.output.cbor));
    const message = toBeSigned(sign1.protectedBytes, sign1.payload as Uint8Array);
    expect(message).toEqual(fromHex(one.intermediates.ToBeSign_hex));
    const { x_hex, y_hex = "" } = one.input.sign0.key;
    for (const engine of ["noble", "native"] as const) {
      expect(
        verifyP256({ publicKey: fromHex(`04${x_hex}${y_hex}`), message, signature: sign1.signature, engine }),
      ).toBe(true);
    }
  });

  test("PSIA PKOC 1.1 worked example: high S is accepted, another transaction is not", () => {
    const one = read<{ transactionId: string; readerId: string; publicKey: string; signature: string }>("pkoc.json");
    const publicKey = fromHex(one.publicKey);
    const signature = fromHex(one.signature);
    for (const engine of ["noble", "native"] as const) {
      expect(verifyP256({ publicKey, message: fromHex(one.transactionId), signature, engine })).toBe(true);
      expect(verifyP256({ publicKey, message: fromHex(one.transactionId + one.readerId), signature, engine })).toBe(
        false,
      );
    }
  });

  test("Token Status List: published lists, status by status", () => {
    const { cases } = read<{ cases: { bits: number; cbor: string; bytes: string }[] }>("status-list.json");
    for (const one of cases) {
      const list = decodeStatusList(fromHex(one.cbor));
      const packed = fromHex(one.bytes);
      expect([list.bits, list.length]).toEqual([one.bits, (packed.length * 8) / one.bits]);
      for (let index = 0; index < list.length; index++) {
        const bit = index * one.bits;
        expect(list.get(index)).toBe(((packed[bit >> 3] as number) >> (bit & 7)) & ((1 << one.bits) - 1));
      }
      expect(() => list.get(list.length)).toThrow(expect.objectContaining({ code: "STATUS_INDEX_OUT_OF_RANGE" }));
    }
  });

  test("Token Status List: referenced token and list token are generic COSE_Sign1", () => {
    const { referencedToken, statusListToken } = read<{ referencedToken: string; statusListToken: string }>(
      "status-list.json",
    );
    expect(decodeSign1(fromHex(referencedToken)).unprotectedHeader.get(4)).toEqual(fromHex("3132"));
    expect(decodeSign1(fromHex(statusListToken)).protectedHeader.get(16)).toBe("application/statuslist+cwt");
  });
});
