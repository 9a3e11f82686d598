import { DAY_MS, type Grant, type Level, type SiteState } from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type TapFacts, checkTap } from "./check-tap.js";

const uid = Uint8Array.of(4, 1, 2, 3, 4, 5, 6);
const levels = fc.constantFrom<Level>(1, 2, 3, 4);
const trainings = fc.integer({ min: 0, max: 4 });
const grants: fc.Arbitrary<readonly Grant[]> = fc.uniqueArray(
  fc.record({ training: trainings, level: levels, daysBefore: fc.constantFrom(0, 0, 100, 290) }),
  { selector: ({ training }) => training, minLength: 1, maxLength: 4 },
);
const requires = fc.array(
  fc.uniqueArray(fc.record({ training: trainings, level: levels }), {
    selector: ({ training }) => training,
    minLength: 1,
    maxLength: 3,
  }),
  { maxLength: 3 },
);
const policies = fc.record({ requires, minAssurance: fc.integer({ min: 1, max: 3 }) });

const clients = new Map<string, SiteState>();
function factsFor(policy: { requires: unknown; minAssurance: number }, held: readonly Grant[], now: number): TapFacts {
  const key = JSON.stringify(policy);
  const site = testSite({ machines: { "laser-1": { name: "Machine", ...policy } as never } });
  const state = clients.get(key) ?? site.client().state;
  clients.set(key, state);
  return {
    presentation: { uid, badge: site.badge({ grants: held, cardUid: uid }) },
    site: state,
    machine: "laser-1",
    now,
    clock: "synced",
    stalenessMs: 0,
  };
}
const days = fc.integer({ min: 1, max: 299 }).map((day) => TEST_EPOCH + day * DAY_MS);
const RUNS = { numRuns: 150, seed: 20260101 };

test("accepted means: one alternative held in full, each grant live, and enough proven", () => {
  fc.assert(
    fc.property(policies, grants, days, (policy, held, now) => {
      const verdict = checkTap(factsFor(policy, held, now));
      const holds = ({ training, level }: { training: number; level: number }) =>
        held.some(
          (grant) =>
            grant.training === training &&
            grant.level >= level &&
            now < TEST_EPOCH + 300 * DAY_MS - grant.daysBefore * DAY_MS,
        );
      const trained = policy.requires.length === 0 || policy.requires.some((way) => way.every(holds));
      expect(verdict.ok).toBe(trained && policy.minAssurance <= 2);
      if (verdict.ok) expect(verdict.endsAt).toBeGreaterThan(now);
    }),
    RUNS,
  );
});

test("what makes facts worse never opens: a refusal stays one, with at least as much missing", () => {
  const worse = fc.constantFrom<Partial<TapFacts>>(
    { stalenessMs: 8 * DAY_MS },
    { blocked: { code: "MACHINE_FAULTED", admits: "nobody" } },
    { machine: "other" },
    { presentation: { uid } },
    { now: TEST_EPOCH + 500 * DAY_MS },
  );
  fc.assert(
    fc.property(policies, grants, days, worse, (policy, held, now, change) => {
      const facts = factsFor(policy, held, now);
      expect(checkTap({ ...facts, ...change }).ok).toBe(false);
    }),
    RUNS,
  );
});

test("any byte changed refuses the badge, and nothing of it is believed", () => {
  const facts = factsFor({ requires: [], minAssurance: 1 }, [{ training: 1, level: 2, daysBefore: 0 }], TEST_EPOCH);
  const badge = facts.presentation.badge as Uint8Array;
  expect(checkTap(facts).ok).toBe(true);
  for (let at = 0; at < badge.length; at++) {
    const changed = badge.slice();
    changed[at] = (changed[at] as number) ^ 1;
    const verdict = checkTap({ ...facts, presentation: { uid, badge: changed } });
    expect(verdict).toMatchObject({ ok: false });
    expect(verdict.badge).toBeUndefined();
  }
});
