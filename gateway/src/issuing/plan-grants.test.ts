import { DAY_MS, type Level } from "@badgekey/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planGrants } from "./plan-grants.js";

const NOW = 1_800_000_000_000;
const grant = (training: number, days: number, level: Level = 2) => ({ training, level, endsAt: NOW + days * DAY_MS });

describe("planGrants", () => {
  test("ends with the latest grant; the others say how many days before", () => {
    const plan = planGrants([grant(2, 100), grant(1, 300)], NOW);
    expect(plan.expiresAt).toBe(NOW + 300 * DAY_MS);
    expect(plan.grants).toEqual([
      { training: 1, level: 2, daysBefore: 0 },
      { training: 2, level: 2, daysBefore: 200 },
    ]);
  });

  test("no grant outlives its training, and none loses more than a day", () => {
    const days = fc.double({ min: 0.001, max: 399, noNaN: true });
    fc.assert(
      fc.property(fc.array(days, { minLength: 1, maxLength: 8 }), (ends) => {
        const held = ends.map((end, index) => grant(index, end));
        const { effective } = planGrants(held, NOW);
        for (const { training, endsAt } of effective) {
          const recorded = held[training]?.endsAt ?? 0;
          expect(endsAt).toBeLessThanOrEqual(recorded);
          expect(recorded - endsAt).toBeLessThan(DAY_MS + 1000);
        }
      }),
    );
  });

  test("planning what was planned changes nothing: signing later grants no more", () => {
    const first = planGrants([grant(1, 300), grant(2, 99.5)], NOW);
    expect(planGrants(first.effective, NOW, first.expiresAt)).toEqual(first);
  });

  test("holds each training once: the higher level that lives", () => {
    const plan = planGrants([grant(1, 50, 1), grant(1, 20, 3), grant(1, -1, 4)], NOW);
    expect(plan.grants).toEqual([{ training: 1, level: 3, daysBefore: 0 }]);
  });

  test("is refused where nothing reaches into the future", () => {
    expect(() => planGrants([grant(1, -1)], NOW)).toThrow(expect.objectContaining({ code: "CONFLICT" }));
    expect(() => planGrants([], NOW)).toThrow(expect.objectContaining({ code: "CONFLICT" }));
    expect(() => planGrants([grant(1, 9)], NOW, NOW)).toThrow(expect.objectContaining({ code: "CONFLICT" }));
  });
});
