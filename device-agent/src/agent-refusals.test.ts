import { describe, expect, test } from "vitest";
import { MOST_REFUSAL_BYTES, RepeatedFacts, gapRecord } from "./agent-refusals.js";

const refusal = (card: number) => ({
  kind: "tapRefused" as const,
  code: "BADGE_EXPIRED",
  badge: new Uint8Array(8).fill(card),
});
const ample = { journalBytes: 0, state: "ample" as const };

describe("R19: refused taps", () => {
  test("R19: the same code and card are one record a minute with a count", () => {
    const facts = new RepeatedFacts();
    expect(facts.note("a", refusal(1), 0)).toEqual([refusal(1)]);
    for (let n = 1; n <= 20; n++) expect(facts.note("a", refusal(1), n * 1_000)).toEqual([]);
    expect(facts.note("b", refusal(2), 30_000)).toEqual([refusal(2)]);
    expect(facts.due(60_000)).toEqual([{ ...refusal(1), count: 20 }]);
    expect(facts.flush()).toEqual([]);
  });

  test("R19: beyond 64 MiB that nobody fetched they are counters, one record an hour for each code", () => {
    const facts = new RepeatedFacts();
    facts.storageChanged({ ...ample, journalBytes: MOST_REFUSAL_BYTES - 200 }, true);
    expect(facts.note("1", refusal(1), 0)).toHaveLength(1);
    let records = 0;
    for (let n = 2; n < 1_000; n++) records += facts.note(String(n), refusal(n), n * 2_000).length;
    expect(records).toBe(0);
    expect(facts.due(3_700_000)).toEqual([{ kind: "tapRefused", code: "BADGE_EXPIRED", count: 998 }]);
  });

  test("R19: once the gateway has fetched the rows, every refusal has its own record again", () => {
    const facts = new RepeatedFacts();
    facts.storageChanged({ ...ample, journalBytes: MOST_REFUSAL_BYTES }, true);
    expect(facts.note("1", refusal(1), 0)).toEqual([]);
    facts.storageChanged({ ...ample, journalBytes: 40_000 });
    expect(facts.note("2", refusal(2), 1)).toEqual([refusal(2)]);
    expect(facts.flush()).toEqual([{ kind: "tapRefused", code: "BADGE_EXPIRED", count: 1 }]);
  });

  test("R19: what rows of other kinds take is not held against refusals of this run", () => {
    const facts = new RepeatedFacts();
    facts.storageChanged(ample, true);
    facts.storageChanged({ ...ample, journalBytes: 2 * MOST_REFUSAL_BYTES });
    expect(facts.note("1", refusal(1), 0)).toHaveLength(1);
  });

  test("R19: on a full disk refusals are counted and recorded when there is room again", () => {
    const facts = new RepeatedFacts();
    facts.note("1", refusal(1), 0);
    facts.note("1", refusal(1), 1);
    facts.storageChanged({ journalBytes: 0, state: "full" });
    expect(facts.note("2", refusal(2), 2)).toEqual([]);
    expect(facts.due(4_000_000)).toEqual([]);
    facts.storageChanged(ample);
    expect(facts.due(9_000_000)).toEqual([{ kind: "tapRefused", code: "BADGE_EXPIRED", count: 2 }]);
  });

  test("R19: a flood of codes stays bounded", () => {
    const facts = new RepeatedFacts();
    facts.storageChanged({ journalBytes: 0, state: "full" }, true);
    for (let n = 0; n < 1_000; n++) facts.note(String(n), { kind: "tapRefused", code: `CODE_${String(n)}` }, n);
    const records = facts.flush();
    expect(records.length).toBeLessThan(70);
    expect(records.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(1_000);
  });
});

test("R20: a gap record names the rows that are lost, where that is known", () => {
  expect(gapRecord({ reason: "row 1.7 was altered", rowsLost: 2, lost: [1, 7, 1, 8] })).toEqual({
    kind: "gap",
    reason: "journal: row 1.7 was altered",
    count: 2,
    lost: [1, 7, 1, 8],
  });
  expect(gapRecord({ reason: "x".repeat(300) })).toEqual({ kind: "gap", reason: `journal: ${"x".repeat(247)}` });
});
