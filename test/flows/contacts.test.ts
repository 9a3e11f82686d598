import { setTimeout as after } from "node:timers/promises";
import type { LogView } from "@badgekey/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchGateway, startGateway } from "../bench.js";
import { SimulatedMachine, issueCard } from "./simulated-machine.js";

const wiring = {
  relay: { pin: 17 },
  runOn: { pin: 22 },
  inputs: { emergencyStop: { pin: 23 }, busy: { pin: 24 }, endButton: { pin: 25 } },
};

/**
 * Real gateway, real agent, a real holder of simulated lines: from the console's policy to the contact and back to the
 * log.
 */
describe("a machine's contacts, with real processes", () => {
  let gateway: BenchGateway;
  let saw: SimulatedMachine;
  let ada: string;

  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.call("POST", "/api/v1/trainings", { slug: "saw", name: "Band saw" });
    ada = ((await gateway.call("POST", "/api/v1/people", { name: "Ada Lovelace" })) as { id: string }).id;
    saw = await SimulatedMachine.start(gateway, "saw-1", { requires: [{ training: "saw", level: 2 }] });
  }, 120_000);

  afterAll(async () => {
    await saw[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  async function logged(kind: string, code: string): Promise<LogView> {
    for (;;) {
      const { rows } = (await gateway.call("GET", `/api/v1/log?machine=saw-1&kind=${kind}&limit=100`)) as {
        rows: LogView[];
      };
      const row = rows.find((one) => one.code === code);
      if (row) return row;
      await after(20);
    }
  }

  test("R13: an emergency stop that a new policy wires ends a use; released and tapped once it starts nothing", async () => {
    await gateway.call("PATCH", "/api/v1/machines/saw-1", { wiring, runOn: { seconds: 1 } });
    // The holder that the new wiring starts tells of its other outputs.
    await saw.until(({ outputs }) => outputs["runOn"] === false);
    await saw.until(({ screen }) => screen?.tone === "ready");
    const { card } = await issueCard(gateway, ada, [{ training: "saw" }]);
    // Until the new contacts have told how they stand, nobody can start: an unknown emergency stop is a pressed one.
    let verdict = await saw.tap(card);
    while (verdict === "MACHINE_FAULTED") {
      await saw.restsBeyondBounce();
      verdict = await saw.tap(card);
    }
    expect(verdict).toBe("ACCEPTED");
    await saw.until(({ relay, outputs }) => relay === "closed" && outputs["runOn"] === true);
    saw.bench.setInput("emergencyStop", true);
    await saw.until(({ relay, screen }) => relay === "open" && screen?.tone === "attention");
    expect((await logged("sessionEnded", "EMERGENCY_STOP")).reason).toBe("fault");
    await saw.until(({ outputs }) => outputs["runOn"] === false);
    saw.bench.setInput("emergencyStop", false);
    await saw.restsBeyondBounce();
    expect(await saw.tap(card)).toBe("ACCEPTED");
    await logged("faultCleared", "EMERGENCY_STOP");
    expect(saw.bench.state.relay).toBe("open");
    await saw.restsBeyondBounce();
    expect(await saw.tap(card)).toBe("ACCEPTED");
    await saw.until(({ relay }) => relay === "closed");
    saw.bench.setInput("endButton", true);
    await saw.until(({ relay }) => relay === "open");
  }, 60_000);
});
