import { openList } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { OTHER_UID, UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

const wiring = { inputs: { emergencyStop: { pin: 9 } } };

describe("the machine's wiring", () => {
  test("a reader named anew waits for the next start: the lines are not touched for it", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.setPolicy({ wiring: { reader: "00A1" } });
    await bench.pass(1_000);
    expect(bench.relay.wirings).toEqual([]);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("new wiring is taken into use once nobody uses the machine, and its contacts count from then on", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await bench.tap(bench.badge());
    await bench.setPolicy({ wiring });
    await bench.pass(60_000);
    expect([bench.relay.position(), bench.relay.wirings]).toEqual(["closed", []]);
    await bench.tap(bench.badge());
    expect(bench.relay.wirings.map(({ inputs }) => inputs.emergencyStop?.pin)).toEqual([9]);
    await bench.tap(bench.badge());
    // Nobody knows yet how the emergency stop stands.
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "MACHINE_FAULTED"]);
    bench.inputs.set("emergencyStop", false);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("wiring that cannot be had: nobody can start, and staff are told where to look", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    bench.relay.refuseWiring("GPIO 9 is named twice");
    await bench.setPolicy({ wiring });
    await bench.pass(3_000);
    await bench.tap(bench.badge());
    expect([bench.relay.closures, bench.screen.code]).toEqual([0, "MACHINE_FAULTED"]);
    expect(bench.told[0]).toBe("faultRaised RELAY_UNRESPONSIVE");
    bench.relay.refuseWiring(undefined);
    await bench.setPolicy({ wiring: { ...wiring, pulseSeconds: 20 } });
    await bench.pass(3_000);
    expect(bench.told).toContain("faultCleared RELAY_UNRESPONSIVE");
  });

  test("R2: a holder that dies while nobody uses the machine is a fault until the next one has opened", async () => {
    const bench = await startBench();
    bench.relay.die();
    await bench.pass(1_500);
    expect(bench.told).toEqual(["faultRaised RELAY_UNRESPONSIVE"]);
    bench.relay.mend();
    await bench.pass(1_500);
    expect(bench.told.at(-1)).toBe("faultCleared RELAY_UNRESPONSIVE");
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });
});

describe("work for other threads (SAFETY R8)", () => {
  test("R8: while lists wait to be verified every permit is renewed, and cards are served", async () => {
    let open: () => void = () => undefined;
    const bench = await startBench({
      deps: () => ({
        opener: {
          open: async (name, bytes, opening) => {
            await new Promise<void>((resolve) => (open = resolve));
            return openList(name, bytes, opening);
          },
          close: () => Promise.resolve(),
        },
      }),
    });
    bench.uplink.connect();
    await bench.tap(bench.badge({ cardUid: UID }));
    await bench.setStatus({ 7: "revoked" });
    const permits = bench.relay.permits;
    await bench.pass(60_000);
    expect(bench.relay.permits - permits).toBeGreaterThanOrEqual(395);
    expect(bench.told).toEqual(["sessionStarted"]);
    open();
    await settle();
    expect(bench.told.at(-1)).toBe("sessionWarned withdrawn BADGE_REVOKED");
    await bench.tap(bench.badge({ cardUid: UID }));
    expect(bench.relay.position()).toBe("open");
  });

  test("a thread that fails leaves an object out until it comes again", async () => {
    let isBroken = true;
    const bench = await startBench({
      deps: () => ({
        opener: {
          open: (name, bytes, opening) =>
            isBroken ? Promise.reject(new Error("out of memory")) : Promise.resolve(openList(name, bytes, opening)),
          close: () => Promise.resolve(),
        },
      }),
    });
    bench.uplink.connect();
    await settle();
    await bench.setStatus({ 7: "revoked" });
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    isBroken = false;
    bench.offerAll();
    await settle();
    await bench.tap(bench.badge());
    expect([bench.relay.closures, bench.screen.code]).toEqual([1, "BADGE_REVOKED"]);
  });
});

describe("storage", () => {
  test("R19: a full disk lets the use finish, then nobody starts before there is room", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.journal.tell({ kind: "storage", storage: { freeBytes: 0, totalBytes: 1, journalBytes: 1, state: "full" } });
    await bench.pass(60_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["closed", "faultRaised STORAGE_FULL"]);
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "MACHINE_FAULTED"]);
    bench.journal.tell({ kind: "storage", storage: { freeBytes: 9, totalBytes: 9, journalBytes: 1, state: "ample" } });
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R19: a disk that is nearly full hinders nobody; staff read of it in the log, once a minute however it wavers", async () => {
    const bench = await startBench();
    const storage = { freeBytes: 9, totalBytes: 100, journalBytes: 1 };
    for (let time = 0; time < 20; time++) {
      bench.journal.tell({ kind: "storage", storage: { ...storage, state: time % 2 === 0 ? "low" : "ample" } });
    }
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.told]).toEqual([
      "closed",
      ["problemReported the machine controller's disk is nearly full", "sessionStarted"],
    ]);
  });
});

describe("bad input", () => {
  test("rules that contradict themselves: nobody who does not meet all of them starts, and whatever started can be ended", async () => {
    const bench = await startBench({
      policy: {
        presence: "hold",
        startButton: true,
        handover: "free",
        supervision: { mode: "required", maxSeconds: 0 },
        session: { maxSeconds: 1, warnSeconds: 3600, removalGraceMs: 0, overrunSeconds: 0 },
        runOn: { seconds: 0, feedback: true },
      },
    });
    await bench.tap(bench.badge());
    await bench.tap(bench.badge({ holder: "trainer1", grants: [{ training: 1, level: 4, daysBefore: 0 }] }));
    await bench.pass(60_000);
    expect([bench.relay.closures, bench.defects]).toEqual([0, []]);
  });

  test("R14: a reader that answers garbage refuses the card, and touches neither the use nor the next card", async () => {
    let seed = 1;
    const bench = await startBench();
    await bench.tap(bench.badge());
    for (let time = 0; time < 20; time++) {
      const garbage = bench.blank();
      garbage.apdu = () =>
        Uint8Array.from(
          { length: (seed = (seed * 48_271) % 2_147_483_647) % 300 },
          (_, at) => (seed >> (at % 24)) & 0xff,
        );
      bench.reader.insert(garbage);
      await bench.pass(300);
      bench.reader.remove();
    }
    expect([bench.relay.position(), bench.defects]).toEqual(["closed", []]);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("open");
  });

  test("a screen that never closes does not keep the agent from ending with the relay open", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.screen.close = () => new Promise(() => undefined);
    void bench.agent.stop();
    await bench.pass(2_000);
    expect([bench.relay.position(), bench.told.slice(-2)]).toEqual(["open", ["sessionEnded stopped", "agentStopped"]]);
  });
});

describe("what the journal tells of itself", () => {
  const salvage = { movedTo: "x", rowsKept: 3, rowsLost: 2, reason: "row 1.7 was altered", marksLost: false } as const;
  const gap = { kind: "gap", reason: "journal: row 1.7 was altered", count: 2, lost: [1, 7, 1, 8] };

  test("R20: rows that were lost are a gap in the log, found at the start or while it runs", async () => {
    const bench = await startBench();
    bench.journal.tell({ kind: "salvaged", salvage: { ...salvage, lost: [1, 7, 1, 8] } });
    await settle();
    expect(bench.records.filter(({ kind }) => kind === "gap")).toMatchObject([gap]);
    await bench.restartWith({ ...bench.journal.restart(), salvage: { ...salvage, lost: [1, 7, 1, 8] } });
    expect(bench.records.filter(({ kind }) => kind === "gap")).toMatchObject([gap, gap]);
  });

  test("R19: on a full disk refusals are counted, and told when there is room again", async () => {
    const bench = await startBench();
    const storage = { freeBytes: 0, totalBytes: 1e9, journalBytes: 1e6, state: "full" } as const;
    bench.journal.tell({ kind: "storage", storage });
    const refused = () => bench.records.filter(({ kind }) => kind === "tapRefused");
    await bench.tap(bench.badge({ holder: "bbbbbbbb", statusIndex: 8 }), OTHER_UID);
    await bench.tap(bench.badge({ holder: "cccccccc", statusIndex: 9 }), OTHER_UID);
    expect([bench.screen.code, refused()]).toEqual(["MACHINE_FAULTED", []]);
    bench.journal.tell({ kind: "storage", storage: { ...storage, state: "ample" } });
    await bench.pass(3_700_000);
    expect(refused()).toMatchObject([{ code: "MACHINE_FAULTED", count: 2 }]);
  });
});

test("lamps, buzzer and the reader's own light say what the screen says", async () => {
  const bench = await startBench();
  const said = () => [bench.indicator.signal, bench.reader.light];
  expect(said()).toEqual(["ready", "ready"]);
  await bench.tap(bench.badge());
  expect(said()).toEqual(["enabled", "enabled"]);
  await bench.pass(1_000);
  await bench.tap(bench.badge());
  await bench.pass(7_000);
  expect(said()).toEqual(["ready", "ready"]);
});
