import { decode as oracleDecode, encode as oracleEncode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError, decodeStrict } from "./decode.js";
import { encodeDeterministic } from "./encode.js";
import { type CborValue, Tagged, fromHex, toHex } from "./value.js";

const key = fc.oneof(fc.integer(), fc.string({ maxLength: 30 }), fc.uint8Array({ maxLength: 30 }));
const { value } = fc.letrec<{ value: CborValue; leaf: CborValue }>((tie) => ({
  leaf: fc.oneof(
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
  ),
  value: fc.oneof(
    { maxDepth: 4 },
    tie("leaf"),
    fc.array(tie("value"), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(key, tie("value")), { maxLength: 6, selector: ([k]) => toHex(encodeDeterministic(k)) })
      .map((entries) => new Map<CborValue, CborValue>(entries)),
  ),
}));

describe("deterministic CBOR, SPEC 1", () => {
  test("what is encoded comes back, and is encoded the same again", () => {
    fc.assert(
      fc.property(value, (original) => {
        const bytes = encodeDeterministic(original);
        const back = decodeStrict(bytes);
        expect(back).toEqual(original);
        expect(encodeDeterministic(back)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("cborg's deterministic encoder writes the same bytes, and its strict decoder reads the same value", () => {
    fc.assert(
      fc.property(value, (original) => {
        const bytes = encodeDeterministic(original);
        expect(toHex(oracleEncode(original, rfc8949EncodeOptions))).toBe(toHex(bytes));
        expect(
          oracleDecode(bytes, { useMaps: true, strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false }),
        ).toEqual(original);
      }),
      { numRuns: 1000 },
    );
  });

  test("tags stand where they are expected and nowhere else", () => {
    const bytes = encodeDeterministic(new Tagged(18, [1]));
    expect(decodeStrict(bytes)).toEqual(new Tagged(18, [1]));
    expect(() => decodeStrict(bytes, { tags: [] })).toThrow(expect.objectContaining({ code: "CBOR_TAG_UNEXPECTED" }));
  });

  test("the encoder refuses what the profile cannot carry", () => {
    const refused: unknown[] = [
      1.5,
      Number.NaN,
      -0,
      2 ** 53,
      undefined,
      {},
      new Date(0),
      2n ** 64n,
      -(2n ** 64n) - 1n,
      "\ud800",
      new Map([[[1], 1]]),
    ];
    for (const one of refused) expect(() => encodeDeterministic(one as CborValue)).toThrow(TypeError);
  });

  test("arbitrary bytes are decoded or refused with a code, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(encodeDeterministic(decodeStrict(bytes))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("a few bytes that announce a lot are refused at once", () => {
    for (const hex of [
      "9b00ffffffffffffff",
      "bb00ffffffffffffff",
      "5b00ffffffffffffff",
      "9a7fffffff",
      "9a00ffffff".repeat(8),
    ]) {
      expect(() => decodeStrict(fromHex(hex))).toThrow(DecodeError);
    }
  });
});
