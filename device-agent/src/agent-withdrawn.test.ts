import type { MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type AgentBench, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

/** A machine that runs, with its gateway in reach. */
async function running(policy: Partial<MachinePolicyInput>): Promise<AgentBench> {
  const bench = await startBench({ contacts: { busy: false }, policy });
  bench.uplink.connect();
  await settle();
  await bench.tap(bench.badge());
  bench.inputs.set("busy", true);
  await bench.pass(1_000);
  return bench;
}

describe("R10: a badge withdrawn while its machine runs", () => {
  test("finishThenLock lets the work go on to its end", async () => {
    const bench = await running({ whenRevoked: "finishThenLock" });
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(3_600_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["closed", "sessionWarned withdrawn BADGE_REVOKED"]);
  });

  test("grace counts down on the screen, and opens when it is over", async () => {
    const bench = await running({ whenRevoked: "grace", graceSeconds: 120 });
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(118_000);
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "closed",
      "Enabled until 00:02 — Finish your work, then see staff — Tap again to finish",
    ]);
    await bench.pass(3_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded withdrawn"]);
  });

  test("grace that is taken back in time changes nothing", async () => {
    const bench = await running({ whenRevoked: "grace", graceSeconds: 120 });
    await bench.setStatus({ 7: "suspended" });
    await bench.pass(60_000);
    await bench.setStatus({ 7: "valid" });
    await bench.pass(300_000);
    expect(bench.relay.position()).toBe("closed");
  });

  test("controlledStop asks the machine to stop and opens as soon as it rests", async () => {
    const policy = { whenRevoked: "controlledStop", graceSeconds: 120 } as const;
    const bench = await running(policy);
    expect(bench.relay.outputs).toMatchObject({ relay: "closed", stop: false });
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(30_000);
    expect(bench.relay.outputs).toMatchObject({ relay: "closed", stop: true });
    bench.inputs.set("busy", false);
    await bench.pass(300);
    expect(bench.relay.outputs).toMatchObject({ relay: "open", stop: false });
    expect(bench.told.at(-1)).toBe("sessionEnded withdrawn");
  });

  test("controlledStop opens after its grace where the machine does not obey", async () => {
    const bench = await running({ whenRevoked: "controlledStop", graceSeconds: 120 });
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(119_000);
    expect(bench.relay.outputs).toMatchObject({ relay: "closed", stop: true });
    await bench.pass(2_000);
    expect(bench.relay.position()).toBe("open");
  });

  test("cutNow opens at once", async () => {
    const bench = await running({ whenRevoked: "cutNow" });
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(300);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded withdrawn BADGE_REVOKED"]);
  });
});

test.each(["finishThenLock", "grace", "controlledStop", "cutNow"] as const)(
  "R10: closing time in the middle of a use ends nothing, and nobody begins after it (%s)",
  async (whenRevoked) => {
    const days = [1, 2, 3, 4, 5, 6, 7];
    const bench = await running({ whenRevoked, schedule: [{ days, from: "20:00", to: "00:05" }] });
    await bench.pass(600_000);
    expect(bench.relay.position()).toBe("closed");
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "OUTSIDE_SCHEDULE"]);
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded tap", "tapRefused OUTSIDE_SCHEDULE"]);
  },
);
