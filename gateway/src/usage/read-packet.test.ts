import {
  DecodeError,
  type UsageRow,
  chainAfter,
  decodeUsagePacket,
  encodeUsagePacket,
  rowCommitment,
} from "@badgekey/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readUsagePacket } from "./read-packet.js";
import { chainOf, commitmentOf } from "./row-hashes.js";

/** Numbers around every width of their encoding. */
const edges = [1, 23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER];
const number = (most: number) =>
  fc.oneof(fc.constantFrom(...edges.filter((edge) => edge <= most)), fc.integer({ min: 1, max: most }));

const rows: fc.Arbitrary<UsageRow> = fc.record({
  boot: number(0xffff_ffff),
  sequence: number(Number.MAX_SAFE_INTEGER),
  previous: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  body: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.constant(new Uint8Array(4_096).fill(3))),
});
const packets = fc.array(rows, { minLength: 1, maxLength: 32 }).filter((all) => {
  return all.reduce((sum, { body }) => sum + body.length + 80, 0) < 65_000;
});

/** The rows, or the code with which they are refused. */
function outcome(read: (bytes: Uint8Array) => readonly UsageRow[], bytes: Uint8Array): unknown {
  try {
    return read(bytes).map((row) => ({ ...row, body: Buffer.from(row.body).toString("hex") }));
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
}

describe("readUsagePacket", () => {
  test("reads every packet as the strict decoder does", () => {
    fc.assert(
      fc.property(packets, (all) => {
        const bytes = encodeUsagePacket(all);
        expect(outcome(readUsagePacket, bytes)).toEqual(outcome(decodeUsagePacket, bytes));
      }),
      { numRuns: 200 },
    );
  });

  test("says the same as the strict decoder of damaged packets, code for code", () => {
    const damaged = fc
      .tuple(packets, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }), fc.nat({ max: 400 }))
      .map(([all, changes, cut]) => {
        const bytes = encodeUsagePacket(all.slice(0, 3));
        for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 120)] = byte;
        return cut % 4 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 100 })), (bytes) => {
        expect(outcome(readUsagePacket, bytes)).toEqual(outcome(decodeUsagePacket, bytes));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("row hashes", () => {
  test("are those of SPEC 6.2", () => {
    fc.assert(
      fc.property(rows, (row) => {
        const commitment = commitmentOf(row);
        expect(commitment).toEqual(rowCommitment(row));
        expect(chainOf(row, commitment)).toEqual(chainAfter(row, commitment));
      }),
    );
  });
});
