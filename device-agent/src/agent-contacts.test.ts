import { describe, expect, test } from "vitest";
import { OTHER_UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

const busy = { contacts: { busy: false } } as const;
const trainer = { holder: "trainer1", statusIndex: 30, grants: [{ training: 1, level: 3 as const, daysBefore: 0 }] };

describe("the emergency stop (SAFETY R13)", () => {
  test("R13: it ends a use in the middle of a cut; its release starts nothing, a tap resets, the next one starts", async () => {
    const bench = await startBench({ contacts: { emergencyStop: false, busy: false } });
    await bench.tap(bench.badge());
    bench.inputs.set("busy", true);
    bench.inputs.set("emergencyStop", true);
    await settle();
    expect(bench.relay.position()).toBe("open");
    expect(bench.told).toEqual(["sessionStarted", "faultRaised EMERGENCY_STOP", "sessionEnded fault EMERGENCY_STOP"]);
    bench.inputs.set("busy", false);
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_FAULTED");
    bench.inputs.set("emergencyStop", false);
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("open");
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "faultCleared EMERGENCY_STOP"]);
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.relay.closures]).toEqual(["closed", 2]);
  });

  test("R13: pressed while a start is being noted down, it wins, and whoever tapped is told", async () => {
    const bench = await startBench({ contacts: { emergencyStop: false } });
    bench.journal.stall();
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    bench.inputs.set("emergencyStop", true);
    bench.journal.resume();
    await bench.pass(1_000);
    expect([bench.relay.closures, bench.screen.code]).toEqual([0, "MACHINE_FAULTED"]);
    expect(bench.told.slice(0, 3)).toEqual([
      "sessionStarted",
      "faultRaised EMERGENCY_STOP",
      "sessionEnded fault EMERGENCY_STOP",
    ]);
  });

  test("R13: a contact of which nobody knows how it stands lets nobody start", async () => {
    const bench = await startBench({ contacts: { emergencyStop: false } });
    bench.inputs.lose("emergencyStop");
    await bench.tap(bench.badge());
    expect([bench.relay.closures, bench.screen.code]).toEqual([0, "MACHINE_FAULTED"]);
  });
});

describe("the machine's other contacts", () => {
  test("R12: an open housing opens at once and stays told until a steward releases it, over a power cut, too", async () => {
    const bench = await startBench({ contacts: { tamper: false } });
    await bench.tap(bench.badge());
    bench.inputs.set("tamper", true);
    await settle();
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded fault TAMPER"]);
    bench.inputs.set("tamper", false);
    await bench.cutPower();
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_FAULTED");
    const steward = {
      holder: "steward1",
      statusIndex: 40,
      grants: [{ training: 1, level: 4 as const, daysBefore: 0 }],
    };
    await bench.tap(bench.badge(steward), OTHER_UID);
    expect(bench.told.at(-1)).toBe("faultCleared TAMPER");
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R10: past its time a busy machine goes on, is told of once, cannot be extended, and ends when it is at rest", async () => {
    const bench = await startBench({ ...busy, policy: { session: { maxSeconds: 600, warnSeconds: 60 } } });
    await bench.tap(bench.badge());
    bench.inputs.set("busy", true);
    await bench.pass(900_000);
    expect(bench.relay.position()).toBe("closed");
    expect(bench.told).toEqual(["sessionStarted", "sessionWarned time", "sessionOverran"]);
    bench.inputs.set("busy", false);
    await bench.pass(300);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded time"]);
  });

  test("a machine at rest ends the use by itself, announced before", async () => {
    const session = { maxSeconds: 0, idleSeconds: 600, warnSeconds: 60 };
    const bench = await startBench({ ...busy, policy: { session } });
    await bench.tap(bench.badge());
    bench.inputs.set("busy", true);
    await bench.pass(3_600_000);
    bench.inputs.set("busy", false);
    await bench.pass(545_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["closed", "sessionWarned idle"]);
    await bench.pass(60_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded idle"]);
  });

  test("a bypass key and a machine that runs without a use are told with their lengths", async () => {
    const bench = await startBench({ contacts: { busy: false, bypassKey: false } });
    bench.inputs.set("bypassKey", true);
    bench.inputs.set("busy", true);
    await bench.pass(60_000);
    bench.inputs.set("bypassKey", false);
    await bench.pass(60_000);
    bench.inputs.set("busy", false);
    await bench.pass(300);
    expect(bench.told).toEqual([
      "bypassUsed began",
      "bypassUsed ended",
      "ranWithoutSession began",
      "ranWithoutSession ended",
    ]);
    expect(bench.records.at(-1)?.durationMs).toBeGreaterThan(45_000);
    expect(bench.relay.closures).toBe(0);
  });

  test("R14: the end button works with no reader there", async () => {
    const bench = await startBench({ contacts: { endButton: false } });
    await bench.tap(bench.badge());
    bench.reader.lose();
    await bench.pass(1_000);
    bench.inputs.press("endButton");
    await settle();
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded button"]);
  });

  test("one that chatters while the machine runs cuts nothing; then nobody starts before it is steady", async () => {
    const bench = await startBench(busy);
    await bench.tap(bench.badge());
    bench.inputs.set("busy", true);
    bench.inputs.lose("busy", "it chatters");
    await bench.pass(60_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["closed", "faultRaised INPUT_FAILED"]);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("open");
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_FAULTED");
    bench.inputs.set("busy", false);
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.relay.closures]).toEqual(["closed", 2]);
  });
});

describe("extraction (SAFETY R11)", () => {
  const policy = { runOn: { seconds: 120, feedback: true } };

  test("R11: the machine starts once the extraction is there; it runs on after the end, and no withdrawn badge cuts it", async () => {
    const bench = await startBench({ policy, contacts: { extraction: false } });
    bench.uplink.connect();
    await bench.tap(bench.badge());
    expect(bench.relay.outputs).toEqual({ relay: "open", runOn: true, stop: false });
    bench.inputs.set("extraction", true);
    await settle();
    expect(bench.relay.outputs).toEqual({ relay: "closed", runOn: true, stop: false });
    await bench.setPolicy({ whenRevoked: "cutNow", runOn: { seconds: 120, feedback: true } });
    await bench.setStatus({ 7: "revoked" });
    await settle();
    expect(bench.relay.outputs).toEqual({ relay: "open", runOn: true, stop: false });
    await bench.pass(119_000);
    expect(bench.relay.outputs.runOn).toBe(true);
    await bench.pass(2_000);
    expect(bench.relay.outputs).toEqual({ relay: "open", runOn: false, stop: false });
  });

  test("R11: an extraction that does not come forbids the start; lost in the middle it cuts nothing and is told", async () => {
    const bench = await startBench({ policy, contacts: { extraction: false } });
    await bench.tap(bench.badge());
    await bench.pass(12_000);
    expect([bench.relay.closures, bench.told.at(-1)]).toEqual([0, "sessionEnded fault EXTRACTION_MISSING"]);
    await bench.pass(1_000);
    await bench.tap(bench.badge());
    bench.inputs.set("extraction", true);
    await settle();
    expect(bench.relay.position()).toBe("closed");
    bench.inputs.set("extraction", false);
    await bench.pass(60_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["closed", "sessionWarned extraction"]);
  });
});

describe("problems", () => {
  const problem = { reasons: ["Lens is dirty"], outOfService: true };

  test("the machine's button and the screen report one; the machine is out of service once it is free", async () => {
    const bench = await startBench({ policy: { problem }, contacts: { problemButton: false } });
    bench.uplink.connect();
    await bench.tap(bench.badge());
    bench.screen.act({ kind: "problemReported", reason: "Lens is dirty" });
    await settle();
    expect([bench.relay.position(), bench.told.slice(1)]).toEqual([
      "closed",
      ["problemReported Lens is dirty", "outOfServiceSet Lens is dirty"],
    ]);
    expect(bench.records.find(({ kind }) => kind === "problemReported")?.holder).toBe("a1b2c3d4");
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_OUT_OF_SERVICE");
    // A policy that knows nothing of it does not lift it; staff do.
    await bench.pass(5_000);
    await bench.setPolicy({ contact: "Ada", problem });
    expect(bench.screen.text).toContain("Out of service");
    await bench.cutPower();
    expect(bench.screen.text).toContain("Out of service");
    await bench.order({ kind: "release", machine: "laser-1", by: "staff-1" });
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("a child who hammers the button fills no log, and a page's own words do not get into it", async () => {
    const bench = await startBench({
      policy: { problem: { reasons: ["Lens is dirty"] } },
      contacts: { problemButton: false },
    });
    for (let press = 0; press < 50; press++) bench.inputs.press("problemButton");
    bench.screen.act({ kind: "problemReported", reason: "<b>Ada was here</b>" });
    await bench.pass(65_000);
    expect(bench.told).toEqual(["problemReported button", "problemReported button ×49"]);
  });

  test("where the machine's rules name no problem, those that the screen offers can be reported", async () => {
    const bench = await startBench();
    const [first = ""] = bench.screen.views.at(-1)?.problems ?? [];
    bench.screen.act({ kind: "problemReported", reason: first });
    bench.screen.act({ kind: "problemReported", reason: "something else" });
    await settle();
    expect([first === "", bench.told]).toEqual([false, [`problemReported ${first}`]]);
  });

  test("the screen's end button ends a use", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.screen.act({ kind: "endPressed" });
    await settle();
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded button"]);
  });
});

test("R7: of two trainers neither button nor contact lets one start without his tap", async () => {
  const bench = await startBench({ policy: { startButton: true }, contacts: { startButton: false, busy: false } });
  for (let press = 0; press < 5; press++) bench.inputs.press("startButton");
  bench.inputs.set("busy", true);
  bench.inputs.set("busy", false);
  await bench.pass(10_000);
  expect(bench.relay.closures).toBe(0);
  await bench.tap(bench.badge(trainer));
  bench.inputs.press("startButton");
  await settle();
  expect(bench.relay.position()).toBe("closed");
});
