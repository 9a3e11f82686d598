import { expect, test } from "vitest";
import { type GridPolicy, policyGrid } from "./policy-grid.js";
import { searchInterlock } from "./search-interlock.js";
import { seededBugs } from "./seeded-bugs.js";

const grid = policyGrid();
/**
 * Few situations first. Of the others, in which cards stay in or much goes on at once, `npm run bench -- interlock`
 * takes care.
 */
const isSmall = ({ policy: { presence, supervision, wiring, handover } }: GridPolicy): boolean =>
  presence === "tap"
    ? wiring.inputs.busy === undefined || supervision.mode === "none"
    : wiring.inputs.busy === undefined && handover === "refuse" && wiring.output === "pulse";
const small = grid.filter(isSmall);
const smallFirst = [...small, ...grid.filter((entry) => !isSmall(entry))];

test("no reachable state breaks a sentence of SAFETY", () => {
  const { policies, states, edges, violations } = searchInterlock({ policies: small });
  expect(violations).toEqual([]);
  expect(policies.length).toBe(small.length);
  expect(states).toBeGreaterThan(1_000);
  expect(edges).toBeGreaterThan(states);
}, 240_000);

test("the grid holds every two values of two factors together, and is always the same", () => {
  expect(grid.length).toBeGreaterThan(19);
  expect(grid.length).toBeLessThan(40);
  expect(policyGrid().map(({ title }) => title)).toEqual(grid.map(({ title }) => title));
});

test.each(seededBugs)(
  "the search finds this bug: $title",
  ({ interlock, isAt }) => {
    const found = smallFirst.some((policy) => {
      if (!isAt(policy.policy)) return false;
      const { violations } = searchInterlock({ interlock, policies: [policy], stopsEarly: true });
      return violations.length > 0;
    });
    expect(found).toBe(true);
  },
  240_000,
);
