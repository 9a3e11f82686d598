import { expect, test } from "vitest";
import { simulateCycles, simulateSchedules } from "./simulate.js";

test("R5, R6: over random uses and power cuts the relay closes by fresh taps alone", () => {
  const { cycles, restarts, closures, withoutTap, violations } = simulateCycles({
    cycles: 2_000,
    restarts: 200,
    seed: 1,
  });
  expect({ cycles, restarts, withoutTap, violations }).toEqual({
    cycles: 2_000,
    restarts: 200,
    withoutTap: 0,
    violations: [],
  });
  expect(closures).toBeGreaterThan(500);
});

test("R10: over random schedules nothing opens a busy machine but what its policy asks for", () => {
  const { schedules, asked, notAsked, violations } = simulateSchedules({ count: 500, seed: 1 });
  expect({ schedules, notAsked, violations }).toEqual({ schedules: 500, notAsked: 0, violations: [] });
  expect(asked).toBeGreaterThan(50);
});

test("the same seed gives the same result", () => {
  const options = { cycles: 50, restarts: 5, seed: 7 };
  expect(simulateCycles(options)).toEqual(simulateCycles(options));
});
