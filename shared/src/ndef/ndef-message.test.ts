import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../cbor/decode.js";
import { fromHex, toHex } from "../cbor/value.js";
import { badgeInMessage, badgeMessage } from "./badge-message.js";
import { type NdefRecord, type Tnf, decodeNdefMessage, encodeNdefMessage } from "./ndef-message.js";

const nothing = new Uint8Array(0);
const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });
const typed = fc.record({
  tnf: fc.constantFrom<Tnf>(1, 2, 3, 4),
  type: bytes(20, 1),
  id: bytes(5),
  payload: bytes(600),
});
const unknown = fc.record({ tnf: fc.constant<Tnf>(5), type: fc.constant(nothing), id: bytes(5), payload: bytes(50) });
const empty = fc.constant<NdefRecord>({ tnf: 0, type: nothing, id: nothing, payload: nothing });
const message = fc.array(fc.oneof(typed, unknown, empty), { minLength: 1, maxLength: 5 });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
  return "accepted";
}

describe("SPEC 8.1 NDEF messages", () => {
  test("what is encoded decodes to the same records", () => {
    fc.assert(
      fc.property(message, (records) => {
        expect(decodeNdefMessage(encodeNdefMessage(records))).toEqual(records);
      }),
    );
  });

  test("arbitrary bytes are decoded or refused with a code", () => {
    fc.assert(fc.property(bytes(300), (noise) => codeOf(() => decodeNdefMessage(noise)).length > 0));
  });

  test("a message cut anywhere is refused", () => {
    const whole = badgeMessage(new Uint8Array(300).fill(7));
    for (let end = 0; end < whole.length; end++) {
      expect(codeOf(() => decodeNdefMessage(whole.subarray(0, end)))).toBe("NDEF_MALFORMED");
    }
  });

  test.each([
    ["short record", "d1010548656c6c6f68"],
    ["long record with a short payload", "c10100000002556869"],
    ["record with an id", "d9010101556968"],
    ["empty record", "d00000"],
    ["two records", "91010155685101015569"],
  ])("accepts a %s", (_, hex) => {
    expect(codeOf(() => decodeNdefMessage(fromHex(hex)))).toBe("accepted");
  });

  test.each([
    ["nothing", ""],
    ["a first record without the begin flag", "5101015568"],
    ["a second begin flag", "9101015568d101015569"],
    ["no end flag", "9101015568"],
    ["bytes behind the end", "d10101556800"],
    ["a chunked record", "b10101556856010069"],
    ["an unchanged record that continues nothing", "d6000168"],
    ["the reserved format 7", "d7000168"],
    ["an empty record with a payload", "d0000168"],
    ["an unknown record with a type", "d501015568"],
    ["a record without a type", "d1000168"],
    ["a payload beyond the end", "c101ffffffff5568"],
  ])("refuses %s", (_, hex) => {
    expect(codeOf(() => decodeNdefMessage(fromHex(hex)))).toBe("NDEF_MALFORMED");
  });

  test("refuses a message beyond the limit", () => {
    expect(codeOf(() => decodeNdefMessage(badgeMessage(new Uint8Array(100)), 100))).toBe("NDEF_TOO_LARGE");
  });

  test("refuses to encode what does not fit", () => {
    expect(() => encodeNdefMessage([])).toThrow("at least one record");
    expect(() => encodeNdefMessage([{ tnf: 1, type: nothing, id: nothing, payload: nothing }])).toThrow(RangeError);
    expect(() => encodeNdefMessage([{ tnf: 1, type: new Uint8Array(256), id: nothing, payload: nothing }])).toThrow(
      "255",
    );
  });
});

describe("SPEC 8.2 the badge's message", () => {
  test("is 18 bytes longer than a standard badge and begins with its media type", () => {
    const badge = new Uint8Array(143).fill(0xd2);
    const encoded = badgeMessage(badge);
    expect(encoded.length).toBe(161);
    expect(toHex(encoded.subarray(0, 18))).toBe(`d20f8f${toHex(new TextEncoder().encode("application/cwt"))}`);
    expect(badgeInMessage(encoded)).toEqual(badge);
  });

  test("is found behind other records, without regard to case", () => {
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const badge = Uint8Array.of(1, 2, 3);
    const encoded = encodeNdefMessage([
      { tnf: 1, type: text("U"), id: nothing, payload: text("\u0004example.org") },
      { tnf: 4, type: text("application/cwt"), id: nothing, payload: nothing },
      { tnf: 2, type: text("Application/CWT"), id: nothing, payload: badge },
    ]);
    expect(badgeInMessage(encoded)).toEqual(badge);
    expect(badgeInMessage(fromHex("d101015569"))).toBeUndefined();
  });
});
