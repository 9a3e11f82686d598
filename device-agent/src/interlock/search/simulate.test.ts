import type { MachinePolicy } from "@badgekey/shared";
import { expect, test } from "vitest";
import type { InterlockEvent } from "../interlock-event.js";
import { outputsFor } from "../outputs-for.js";
import { step } from "../step.js";
import { simulateCycles } from "./simulate-cycles.js";
import { simulateSchedules } from "./simulate-schedules.js";

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
  const { schedules, happened, asked, notAsked, violations } = simulateSchedules({ count: 500, seed: 1 });
  expect({ schedules, notAsked, violations }).toEqual({ schedules: 500, notAsked: 0, violations: [] });
  expect(asked).toBeGreaterThan(50);
  for (const title of ["the badge is revoked", "badge, lists and root expire", "contact is lost for weeks"]) {
    expect(happened[title]).toBeGreaterThan(50);
  }
  expect(happened["the clock jumps back"]).toBeGreaterThan(50);
});

test.each([
  [
    "a withdrawn badge is cut whatever the policy says",
    (event: InterlockEvent, policy: MachinePolicy): MachinePolicy =>
      event.kind === "badgeStatusChanged" ? { ...policy, whenRevoked: "cutNow" } : policy,
  ],
  [
    "the grace is over within a second",
    (event: InterlockEvent, policy: MachinePolicy): MachinePolicy =>
      event.kind === "badgeStatusChanged" ? { ...policy, graceSeconds: 1 } : policy,
  ],
])("R10: random schedules notice where %s", (_title, wrong) => {
  const interlock = {
    step: (...[state, event, policy]: Parameters<typeof step>) => step(state, event, wrong(event, policy)),
    outputsFor,
  };
  expect(simulateSchedules({ count: 500, seed: 1 }, interlock).notAsked).toBeGreaterThan(10);
});

test("the same seed gives the same result", () => {
  const options = { cycles: 50, restarts: 5, seed: 7 };
  expect(simulateCycles(options)).toEqual(simulateCycles(options));
  const schedules = { count: 50, seed: 7 };
  expect(simulateSchedules(schedules)).toEqual(simulateSchedules(schedules));
});
