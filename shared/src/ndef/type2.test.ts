import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../cbor/decode.js";
import { concatBytes, fromHex, toHex } from "../cbor/value.js";
import { type PageWrite, type Type2WritePlan, planType2Write } from "./type2-plan.js";
import { type Type2Tag, decodeType2, scanType2 } from "./type2.js";

/** A memory whose data area of `size` bytes begins with `data`. */
function memoryOf(size: number, data: Uint8Array): Uint8Array {
  const memory = new Uint8Array(16 + size);
  memory.set([0xe1, 0x10, size / 8, 0x00], 12);
  memory.set(data, 16);
  return memory;
}

function outcome(bytes: Uint8Array): Type2Tag | string {
  try {
    return decodeType2(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
}

function apply(memory: Uint8Array, writes: readonly PageWrite[]): Uint8Array {
  const written = memory.slice();
  for (const { page, data } of writes) written.set(data, page * 4);
  return written;
}

const allWrites = (plan: Type2WritePlan): PageWrite[] => [plan.clear, ...plan.content, plan.commit];
const messageOf = (memory: Uint8Array): Uint8Array | undefined => decodeType2(memory).ndef?.message;
const ntag213 = memoryOf(144, fromHex("0103a00c340300fe"));

describe("SPEC 8.3 Type 2 memory", () => {
  test("a factory-fresh NTAG213 holds an empty message behind its lock control TLV", () => {
    const tag = decodeType2(ntag213);
    expect(tag).toMatchObject({ dataAreaSize: 144, writable: true, ndef: { offset: 23, length: 0 } });
    expect(tag.tlvs.map(({ type, offset }) => [type, offset])).toEqual([
      [1, 16],
      [3, 21],
    ]);
    expect(tag.reserved).toEqual([{ start: 160, end: 162 }]);
  });

  test("skips nulls, proprietary and unknown TLVs and stops at the terminator", () => {
    expect(messageOf(memoryOf(48, fromHex("0000fd02ffff4401990302d000")))).toEqual(fromHex("d000"));
    expect(decodeType2(memoryOf(48, fromHex("00fe0301aa"))).ndef).toBeUndefined();
    expect(decodeType2(memoryOf(48, new Uint8Array(0))).ndef).toBeUndefined();
  });

  test("reads three-byte lengths, short ones too", () => {
    const long = new Uint8Array(300).fill(5);
    expect(messageOf(memoryOf(496, concatBytes(fromHex("03ff012c"), long)))).toEqual(long);
    expect(messageOf(memoryOf(496, fromHex("03ff0001aa")))).toEqual(Uint8Array.of(0xaa));
    expect(outcome(memoryOf(496, fromHex("03ffffff")))).toBe("TYPE2_MALFORMED");
  });

  test("leaves out reserved bytes inside the message", () => {
    // Memory control: page 6 of 4 bytes, offset 2, 3 bytes: addresses 26 to 28.
    const tag = decodeType2(memoryOf(48, fromHex("020362030203051122334455667788")));
    expect(tag.reserved).toEqual([{ start: 26, end: 29 }]);
    expect(toHex(tag.ndef?.message ?? new Uint8Array(0))).toBe(
      "1122330000".slice(0, 6) + toHex(Uint8Array.of(0x77, 0x88)),
    );
  });

  test("decodes a beginning that holds the message, and tells how much is missing", () => {
    const memory = memoryOf(496, concatBytes(fromHex("03a1"), new Uint8Array(161).fill(1), fromHex("fe")));
    expect(messageOf(memory.subarray(0, 179))?.length).toBe(161);
    expect(scanType2(memory.subarray(0, 28))).toEqual({ kind: "incomplete", bytesNeeded: 179 });
    expect(scanType2(memory.subarray(0, 12))).toEqual({ kind: "incomplete", bytesNeeded: 16 });
    expect(outcome(memory.subarray(0, 178))).toBe("TYPE2_MALFORMED");
  });

  test.each([
    ["a blank capability container", "00000000"],
    ["another magic number", "e0100600"],
    ["version 2", "e1200600"],
    ["size 0", "e1100000"],
    ["protected reading", "e1100680"],
  ])("refuses %s", (_, cc) => {
    expect(outcome(concatBytes(new Uint8Array(12), fromHex(cc), new Uint8Array(48)))).toBe("TYPE2_MALFORMED");
  });

  test("refuses a message beyond the data area and a control TLV of another length", () => {
    expect(outcome(memoryOf(48, fromHex("032f")))).toBe("TYPE2_MALFORMED");
    expect(outcome(memoryOf(48, fromHex("0102a00c")))).toBe("TYPE2_MALFORMED");
  });

  test("arbitrary memory is decoded or refused with a code", () => {
    const noise = fc.uint8Array({ maxLength: 700 });
    fc.assert(fc.property(noise, (bytes) => typeof outcome(bytes) === "string" || bytes.length >= 16));
    const bodies = fc.uint8Array({ maxLength: 240 });
    fc.assert(
      fc.property(bodies, (body) => {
        const tag = outcome(memoryOf(240, body));
        expect(typeof tag === "string" ? tag : tag.dataAreaSize).toBe(
          typeof tag === "string" ? "TYPE2_MALFORMED" : 240,
        );
      }),
    );
  });

  test("a memory full of control TLVs is bounded work", () => {
    const control = fromHex("0103112233");
    const body = concatBytes(...Array.from({ length: 400 }, () => control));
    expect(decodeType2(memoryOf(2040, body.subarray(0, 2000))).tlvs.length).toBeGreaterThan(300);
  });
});

describe("SPEC 8.3 writing a message", () => {
  const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + 1) & 0xff);

  test("keeps the lock control TLV of an NTAG213 and fills it to the last byte", () => {
    const plan = planType2Write(ntag213, decodeType2(ntag213), message(137));
    const written = apply(ntag213, allWrites(plan));
    expect(toHex(written.subarray(16, 23))).toBe("0103a00c340389");
    expect(messageOf(written)).toEqual(message(137));
    expect(() => planType2Write(ntag213, decodeType2(ntag213), message(138))).toThrow(
      "the card holds 137 bytes, the message has 138",
    );
  });

  test("plans round trip over control TLVs, reserved bytes and lengths, and hold old, none or new at every step", () => {
    const control = fc
      .tuple(fc.constantFrom(1, 2), fc.nat(255), fc.nat(24), fc.nat(7))
      .map(([type, position, size, page]) => {
        return Uint8Array.of(type, 3, position, size, page);
      });
    const cases = fc.record({
      controls: fc.array(control, { maxLength: 4 }),
      old: fc.uint8Array({ minLength: 1, maxLength: 60 }),
      length: fc.integer({ min: 0, max: 400 }),
    });
    let planned = 0;
    fc.assert(
      fc.property(cases, ({ controls, old, length }) => {
        const body = concatBytes(...controls, Uint8Array.of(0x03, old.length), old, Uint8Array.of(0xfe));
        const memory = memoryOf(496, body);
        let tag: Type2Tag;
        let plan: Type2WritePlan;
        try {
          tag = decodeType2(memory);
          plan = planType2Write(memory, tag, message(length));
        } catch (error) {
          // Random control TLVs can hide or exhaust the area.
          expect(error instanceof DecodeError || error instanceof RangeError).toBe(true);
          return;
        }
        // A control TLV that reserves bytes of another one in front of it is nonsense that no tag carries.
        fc.pre(tag.reserved.every(({ start }) => start >= 16 + controls.length * 5));
        planned++;
        const writes = allWrites(plan);
        const before = messageOf(memory) ?? new Uint8Array(0);
        for (let done = 0; done <= writes.length; done++) {
          const now = messageOf(apply(memory, writes.slice(0, done)));
          const expected = done === 0 ? before : done === writes.length ? message(length) : new Uint8Array(0);
          expect(now ?? new Uint8Array(0)).toEqual(expected);
        }
        for (const { start, end } of tag.reserved) {
          expect(apply(memory, writes).subarray(start, end)).toEqual(memory.subarray(start, end));
        }
      }),
      { numRuns: 300 },
    );
    expect(planned).toBeGreaterThan(50);
  });
});
