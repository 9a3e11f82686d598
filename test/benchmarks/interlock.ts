import { policyGrid, searchInterlock, seededBugs, simulateCycles, simulateSchedules } from "@badgekey/device-agent";
import { machine, rounded } from "./statistics.js";

const SEED = 11;
const CYCLES = 100_000;
const RESTARTS = 10_000;
const SCHEDULES = 10_000;

/** The interlock searched to its last situation, ten planted bugs, and long random lives (SAFETY R1, R5, R10). */
export function benchInterlock(): Readonly<Record<string, unknown>> {
  const [search, searchSeconds] = timed(() => searchInterlock());
  const [bugs, bugsSeconds] = timed(() =>
    seededBugs.map((bug) => {
      const policies = policyGrid().filter(({ policy }) => bug.isAt(policy));
      const { violations } = searchInterlock({ interlock: bug.interlock, policies, stopsEarly: true });
      return { title: bug.title, found: violations.length > 0 };
    }),
  );
  const [cycles, cyclesSeconds] = timed(() => simulateCycles({ cycles: CYCLES, restarts: RESTARTS, seed: SEED }));
  const [schedules, schedulesSeconds] = timed(() => simulateSchedules({ count: SCHEDULES, seed: SEED }));
  const missed = bugs.filter(({ found }) => !found).map(({ title }) => title);
  return {
    benchmark: "interlock",
    machine: machine(),
    seed: SEED,
    search: { ...search, violations: search.violations.length, told: search.violations, seconds: searchSeconds },
    seededBugs: { count: bugs.length, missed, titles: bugs.map(({ title }) => title), seconds: bugsSeconds },
    cycles: { ...cycles, seconds: cyclesSeconds },
    schedules: { ...schedules, seconds: schedulesSeconds },
    bars: { violations: 0, missedBugs: 0, withoutTap: 0, notAsked: 0 },
    ok:
      search.violations.length === 0 &&
      bugs.length >= 10 &&
      missed.length === 0 &&
      cycles.withoutTap === 0 &&
      cycles.violations.length === 0 &&
      schedules.notAsked === 0 &&
      schedules.violations.length === 0,
  };
}

function timed<T>(work: () => T): readonly [T, number] {
  const began = performance.now();
  const result = work();
  return [result, rounded((performance.now() - began) / 1_000, 1)];
}
