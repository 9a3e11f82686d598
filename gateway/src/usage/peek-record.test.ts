import { DecodeError, type UsageRecord, decodeUsageRecord, encodeUsageRecord, usageKinds } from "@badgekey/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { peekRecord } from "./peek-record.js";

const records: fc.Arbitrary<UsageRecord> = fc.record(
  {
    kind: fc.constantFrom(...usageKinds),
    at: fc.nat({ max: 253_402_300_799_000 }),
    clock: fc.constantFrom("untrusted", "holdover", "synced"),
    machine: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    upMs: fc.nat(),
    session: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    holder: fc.stringMatching(/^[0-9a-z]{8}$/),
    grants: fc.array(fc.record({ training: fc.nat({ max: 65_535 }), level: fc.nat({ max: 4 }) }), { maxLength: 24 }),
    code: fc.string({ maxLength: 20, unit: "grapheme" }),
    reason: fc.string({ maxLength: 60, unit: "grapheme" }),
    durationMs: fc.nat(),
    job: fc.stringMatching(/^[0-9a-z]{0,12}$/),
    uid: fc.uint8Array({ minLength: 4, maxLength: 10 }),
  },
  { requiredKeys: ["kind", "at", "clock", "machine", "upMs"] },
);

describe("peekRecord", () => {
  test("finds in every record what the strict decoder finds", () => {
    fc.assert(
      fc.property(records, (record) => {
        const body = encodeUsageRecord(record);
        const { kind, at, machine, holder = null, code = null, job = null } = decodeUsageRecord(body);
        expect(peekRecord(body)).toEqual({ kind, at, machine, holder, code, job });
      }),
    );
  });

  test("never throws on damaged bytes, and what the strict decoder accepts it accepts", () => {
    const changed = fc.tuple(records, fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([record, at, byte, cut]) => {
      const body = encodeUsageRecord(record);
      body[at % body.length] = byte;
      return cut % 3 === 0 ? body.subarray(0, cut % body.length) : body;
    });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 60 })), (body) => {
        const peek = peekRecord(body);
        try {
          decodeUsageRecord(body);
          expect(peek).toBeDefined();
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a deep nest ends at the bound", () => {
    expect(
      peekRecord(Uint8Array.from([0xa1, 0x18, 0x63, ...new Array<number>(4_000).fill(0x81), 0x00])),
    ).toBeUndefined();
  });
});
