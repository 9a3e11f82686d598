import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flipJournalBits, flipSiteStateBits, noFlips } from "./bit-flips.js";
import { FAULT_KINDS, failAtEveryWrite } from "./fault-cases.js";
import { type FaultLayer, buildFaultLayer } from "./fault-layer.js";
import { cutAtEveryStep } from "./power-cuts.js";

/** The storage tests in small; `npm run test:storage` is the whole of them. */

const seed = 7;
let layer: FaultLayer;
beforeAll(() => {
  layer = buildFaultLayer();
});
afterAll(() => layer.remove());

test("R18: power cuts at steps all over a real journal and cache lose nothing acknowledged and leave no half state", async () => {
  const { problems, ...counts } = await cutAtEveryStep({ layer, seed, records: 24, every: 23 });
  expect(problems).toEqual([]);
  expect(counts).toMatchObject({ acknowledgedLost: 0, wrongRows: 0 });
  expect(counts.cuts).toBeGreaterThan(40);
});

describe("R19: a disk that fails in the middle", () => {
  test.each(FAULT_KINDS)(
    "%s: each record is there once, and the agent's storage comes back by itself",
    async (kind) => {
      const { cases, problems } = await failAtEveryWrite(layer, kind, { from: 3, every: 29 });
      expect(problems).toEqual([]);
      expect(cases).toBeGreaterThan(2);
    },
  );
});

test("R20: bits that rot in journal and site state are found, no wrong row is accepted, no sound one lost", async () => {
  const counts = noFlips();
  flipJournalBits(60, seed, counts);
  await flipSiteStateBits(20, seed, counts);
  expect(counts.problems).toEqual([]);
  expect(counts).toMatchObject({ flips: 80, wrongAccepted: 0, undetected: 0, rowsLostNeedlessly: 0 });
  expect(counts.detected).toBeGreaterThan(30);
});
