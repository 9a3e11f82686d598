import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../cbor/decode.js";
import { concatBytes, fromHex } from "../cbor/value.js";
import {
  type Type4Capability,
  decodeType4Capability,
  decodeType4File,
  decodeType4Length,
  encodeType4Capability,
  encodeType4File,
  planType4Write,
} from "./type4.js";

const capability: Type4Capability = { maxRead: 246, maxWrite: 50, fileId: 0xe104, fileSize: 256, writable: true };

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
  return "accepted";
}

describe("SPEC 8.4 Type 4 files", () => {
  test("the capability container of an NTAG 424 DNA", () => {
    expect(decodeType4Capability(fromHex("001720010000ff0406e104010000000506e10500808283"))).toEqual({
      maxRead: 256,
      maxWrite: 255,
      fileId: 0xe104,
      fileSize: 256,
      writable: true,
    });
  });

  test("capability containers round trip", () => {
    const word = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
    const any = fc.record({
      maxRead: word(15, 0xffff),
      maxWrite: word(1, 0xffff),
      fileId: word(0xe104, 0xe1ff),
      fileSize: word(5, 0xfffe),
      writable: fc.boolean(),
    });
    fc.assert(
      fc.property(any, (value) => {
        expect(decodeType4Capability(encodeType4Capability(value))).toEqual(value);
      }),
    );
  });

  test.each([
    ["14 bytes", "000f2000f600f60406e104010000"],
    ["a length below 15", "000e2000f600f60406e10401000000"],
    ["version 4", "000f4000f600f60406e10401000000"],
    ["an MLe below 15", "000f20000e00f60406e10401000000"],
    ["an MLc of 0", "000f2000f600000406e10401000000"],
    ["another TLV first", "000f2000f600f60506e10401000000"],
    ["its own file as NDEF file", "000f2000f600f60406e10301000000"],
    ["a file of 4 bytes", "000f2000f600f60406e10400040000"],
    ["protected reading", "000f2000f600f60406e10401008000"],
  ])("refuses %s", (_, hex) => {
    expect(codeOf(() => decodeType4Capability(fromHex(hex)))).toBe("TYPE4_MALFORMED");
  });

  test("files round trip, and lengths beyond the file are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ maxLength: 9 }), (message, rest) => {
        expect(decodeType4File(concatBytes(encodeType4File(message), rest))).toEqual(message);
      }),
    );
    expect(codeOf(() => decodeType4Length(Uint8Array.of(1, 0), 256))).toBe("TYPE4_MALFORMED");
    expect(codeOf(() => decodeType4File(Uint8Array.of(0)))).toBe("TYPE4_MALFORMED");
    expect(() => encodeType4File(new Uint8Array(65_535))).toThrow(RangeError);
  });

  test("arbitrary bytes are decoded or refused with a code", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        codeOf(() => decodeType4Capability(bytes));
        codeOf(() => decodeType4File(bytes));
      }),
    );
  });

  test("a plan writes length 0, the content in pieces of MLc, then the length", () => {
    const message = Uint8Array.from({ length: 120 }, (_, i) => i);
    const file = new Uint8Array(256);
    const writes = planType4Write(capability, message);
    expect(writes.map(({ offset, data }) => [offset, data.length])).toEqual([
      [0, 2],
      [2, 50],
      [52, 50],
      [102, 20],
      [0, 2],
    ]);
    for (const { offset, data } of writes) file.set(data, offset);
    expect(decodeType4File(file)).toEqual(message);
  });

  test("a plan refuses what does not fit", () => {
    expect(() => planType4Write(capability, new Uint8Array(255))).toThrow(
      "the card holds 254 bytes, the message has 255",
    );
    expect(() => planType4Write({ ...capability, maxWrite: 1 }, new Uint8Array(5))).toThrow("one byte at a time");
  });
});
