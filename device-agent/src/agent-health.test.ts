import { expect, test } from "vitest";
import { startBench } from "./agent-fixture.js";
import { type AgentHealth, healthLine } from "./agent-health.js";
import { settle } from "./testing/fake-clock.js";

const well: AgentHealth = {
  machine: "laser-1",
  state: "idle",
  clock: "synced",
  stalenessMs: 0,
  isConnected: true,
  pending: 0,
};

test.each<[Partial<AgentHealth>, string]>([
  [{}, "guards laser-1: ready; clock confirmed; the server is in reach, heard just now; 0 records not yet delivered"],
  [
    { state: "active", clock: "holdover", stalenessMs: 119 * 60_000, isConnected: false, pending: 12 },
    "guards laser-1: in use; clock carried on by its battery; no contact with the server, heard 119 minutes ago; 12 records not yet delivered",
  ],
  [
    { state: "lockedOut", clock: "untrusted", stalenessMs: 47 * 3_600_000 },
    "guards laser-1: out of service; clock not confirmed; the server is in reach, heard 47 hours ago; 0 records not yet delivered",
  ],
  [
    { stalenessMs: undefined },
    "guards laser-1: ready; clock confirmed; the server is in reach, never heard; 0 records not yet delivered",
  ],
  [
    { state: "faulted", stalenessMs: 48 * 3_600_000 },
    "guards laser-1: needs attention; clock confirmed; the server is in reach, heard 2 days ago; 0 records not yet delivered",
  ],
])("an agent in a line: %j", (change, line) => {
  expect(healthLine({ ...well, ...change })).toBe(line);
});

test("the service learns how the agent stands at the start, with every change, and each minute without contact", async () => {
  const told: AgentHealth[] = [];
  const bench = await startBench({ deps: () => ({ onHealth: (health) => void told.push(health) }) });
  await bench.pass(200);
  expect(told).toMatchObject([{ machine: "laser-1", state: "idle", clock: "synced", isConnected: false }]);
  await bench.tap(bench.badge());
  await bench.pass(200);
  expect(told.slice(1)).toMatchObject([{ state: "active", pending: expect.any(Number) as number }]);
  await bench.pass(125_000);
  expect(told.slice(2)).toMatchObject([{ state: "active" }, { state: "active" }]);
  expect(told.at(-1)?.stalenessMs).toBeGreaterThan(120_000);
  bench.uplink.connect();
  await settle();
  await bench.pass(200);
  expect(told.slice(4)).toMatchObject([{ isConnected: true }]);
});
