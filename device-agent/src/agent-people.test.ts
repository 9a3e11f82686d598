import { describe, expect, test } from "vitest";
import { type AgentBench, OTHER_UID, UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

const level = (of: 1 | 2 | 3 | 4) => [{ training: 1, level: of, daysBefore: 0 }];
const trainee = { holder: "trainee1", statusIndex: 20, grants: level(1) };
const trainer = { holder: "trainer1", statusIndex: 30, grants: level(3) };
const steward = { holder: "steward1", statusIndex: 40, grants: level(4) };
const supervision = { mode: "allowed", maxSeconds: 3600 } as const;

function facts(bench: AgentBench) {
  return bench.records.filter(({ kind }) => kind !== "agentStarted").map(({ kind, holder, by }) => [kind, holder, by]);
}

describe("supervision", () => {
  test("a trainee's card asks for a trainer, whose card starts it; both are in the log; the trainer leaves, the use comes to its end", async () => {
    const bench = await startBench({ policy: { supervision } });
    await bench.tap(bench.badge(trainee));
    expect([bench.relay.closures, bench.told, bench.screen.code]).toEqual([0, [], "ACCEPTED"]);
    await bench.tap(bench.badge(trainer), OTHER_UID);
    expect(bench.relay.position()).toBe("closed");
    expect(facts(bench)).toEqual([
      ["sessionStarted", "trainee1", "trainer1"],
      ["supervisionStarted", undefined, "trainer1"],
    ]);
    await bench.pass(60_000);
    await bench.tap(bench.badge(trainer), OTHER_UID);
    expect(bench.told.slice(2)).toEqual(["supervisionEnded tap", "sessionWarned supervision"]);
    expect(bench.relay.position()).toBe("closed");
    await bench.pass(601_000);
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded supervision"]);
  });

  test("a trainee alone starts nothing, nor does another trainee's card", async () => {
    const bench = await startBench({ policy: { supervision } });
    await bench.tap(bench.badge(trainee));
    await bench.tap(bench.badge({ ...trainee, holder: "trainee2", statusIndex: 21 }), OTHER_UID);
    await bench.pass(31_000);
    expect([bench.relay.closures, bench.told.filter((line) => line.startsWith("session"))]).toEqual([0, []]);
    await bench.tap(bench.badge(trainer), OTHER_UID);
    // Too late for a co-tap: it is the trainer's own use.
    expect(facts(bench).at(-1)).toEqual(["sessionStarted", "trainer1", undefined]);
  });

  test("R8: a co-tap that cannot be noted down starts nothing", async () => {
    const bench = await startBench({ policy: { supervision } });
    await bench.tap(bench.badge(trainee));
    bench.journal.stall();
    await bench.tap(bench.badge(trainer), OTHER_UID);
    expect([bench.relay.closures, bench.screen.code]).toEqual([0, "JOURNAL_UNAVAILABLE"]);
  });
});

describe("handover", () => {
  const next = { holder: "bbbbbbbb", statusIndex: 8 };

  test("R8: the next one taps twice: one use ends, the other begins, and the relay stays closed, but not without the log", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    await bench.tap(bench.badge(next), OTHER_UID);
    await bench.tap(bench.badge(next), OTHER_UID);
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded handover", "sessionStarted"]);
    expect([bench.relay.position(), bench.relay.closures]).toEqual(["closed", 1]);
    bench.journal.stall();
    await bench.tap(bench.badge(), UID);
    await bench.tap(bench.badge(), UID);
    expect(bench.relay.position()).toBe("open");
    expect(bench.screen.text).toBe("Not started — The use could not be noted down — Please tell staff");
    bench.journal.resume();
    await settle();
    expect(bench.told).toContain("startAborted fault JOURNAL_UNAVAILABLE");
  });

  test("R12: what is to be out of service once it is free is not handed over", async () => {
    const bench = await startBench({ policy: { handover: "free" } });
    bench.uplink.connect();
    await bench.tap(bench.badge());
    await bench.order({ kind: "outOfService", machine: "laser-1", when: "whenFree", reason: "service", by: "staff-1" });
    await bench.tap(bench.badge(next), OTHER_UID);
    expect([bench.screen.code, bench.relay.position()]).toEqual(["MACHINE_IN_USE", "closed"]);
  });

  test("refused where the machine says so", async () => {
    const bench = await startBench({ policy: { handover: "refuse" } });
    await bench.tap(bench.badge());
    await bench.tap(bench.badge(next), OTHER_UID);
    expect([bench.screen.code, bench.told.at(-1)]).toEqual(["MACHINE_IN_USE", "tapRefused MACHINE_IN_USE"]);
  });
});

describe("a steward at a machine that is out of service", () => {
  async function lockedOut(policy = {}): Promise<AgentBench> {
    const bench = await startBench({ policy });
    bench.uplink.connect();
    await bench.pass(5_000);
    await bench.setLockouts(new Map([["laser-1", { reason: "service", by: "staff-1", at: bench.now }]]));
    return bench;
  }

  test("R12: his card releases it and starts nothing; the policy that still names it does not set it again", async () => {
    const bench = await lockedOut();
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_OUT_OF_SERVICE");
    await bench.tap(bench.badge(steward), OTHER_UID);
    expect(facts(bench).at(-1)).toEqual(["outOfServiceCleared", undefined, "steward1"]);
    expect(bench.relay.closures).toBe(0);
    await bench.setPolicy({ contact: "Ada" });
    await bench.cutPower();
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R5: where it locks again he works alone, and the mark never goes away, not even in a power cut", async () => {
    const bench = await lockedOut({ steward: { lockAgain: true } });
    await bench.tap(bench.badge(steward), OTHER_UID);
    expect(bench.relay.position()).toBe("closed");
    await bench.cutPower({ offline: true });
    expect(bench.screen.text).toContain("Out of service");
    await bench.tap(bench.badge(steward), OTHER_UID);
    await bench.tap(bench.badge(steward), OTHER_UID);
    await bench.pass(7_000);
    expect([bench.relay.position(), bench.screen.text]).toEqual(["open", expect.stringContaining("Out of service")]);
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_OUT_OF_SERVICE");
  });
});

describe("modes", () => {
  const until = Date.UTC(2026, 0, 1, 6);

  test("watch only: who lacks a training works, nobody is named, and who it would have been refused is recorded", async () => {
    const bench = await startBench({ policy: { mode: { kind: "warnOnly", until, reason: "first weeks" } } });
    await bench.tap(bench.badge({ grants: [{ training: 3, level: 2, daysBefore: 0 }] }));
    expect(bench.relay.position()).toBe("closed");
    expect(bench.told).toEqual(["wouldHaveRefused TRAINING_MISSING", "sessionStarted"]);
    expect(bench.records.at(-1)?.holder).toBeUndefined();
    await bench.tap(bench.badge({ grants: [{ training: 3, level: 2, daysBefore: 0 }] }));
    expect(bench.relay.position()).toBe("open");
  });

  test("watch only is over when its time is, and while nobody knows the time", async () => {
    const bench = await startBench({ policy: { mode: { kind: "warnOnly", until, reason: "first weeks" } } });
    const missing = bench.badge({ grants: [{ training: 3, level: 2, daysBefore: 0 }] });
    await bench.cutPower({ offline: true });
    await bench.tap(missing);
    expect([bench.trust.clock.state, bench.screen.code]).toEqual(["untrusted", "TRAINING_MISSING"]);
  });

  test("open to everyone: any card begins a use that nobody owns, any card ends it; a withdrawn badge does not", async () => {
    const mode = { kind: "unrestrictedUntil", until, reason: "open day" } as const;
    const bench = await startBench({ policy: { mode } });
    bench.uplink.connect();
    await settle();
    bench.reader.insert(bench.blank(OTHER_UID));
    await settle();
    bench.reader.remove();
    await bench.pass(900);
    expect([bench.relay.position(), bench.told]).toEqual(["closed", ["sessionStarted"]]);
    expect(bench.records.at(-1)?.holder).toBeUndefined();
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.told.at(-1)]).toEqual(["open", "sessionEnded tap"]);
    await bench.setStatus({ 7: "revoked" });
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "BADGE_REVOKED"]);
  });

  test("R10: the hours of being open to everyone end in the middle of a use: it goes on, and nobody else begins one", async () => {
    const mode = { kind: "unrestrictedUntil", until: Date.UTC(2026, 0, 1) + 60_000, reason: "open day" } as const;
    const bench = await startBench({ policy: { mode }, contacts: { startButton: false } });
    bench.inputs.press("startButton");
    await bench.pass(120_000);
    expect(bench.relay.position()).toBe("closed");
    bench.reader.insert(bench.blank(OTHER_UID));
    await bench.pass(900);
    bench.reader.remove();
    expect(bench.relay.position()).toBe("open");
    bench.reader.insert(bench.blank(OTHER_UID));
    await bench.pass(900);
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "CARD_EMPTY"]);
  });

  test("open to everyone, a press needs what a card needs: not outside the hours, not with lists too old", async () => {
    const mode = { kind: "unrestrictedUntil", until: Date.UTC(2026, 0, 30), reason: "open day" } as const;
    const contacts = { contacts: { startButton: false } };
    const closed = await startBench({
      policy: { mode, schedule: [{ days: [1], from: "08:00", to: "20:00" }] },
      ...contacts,
    });
    expect(closed.screen.text).toBe("Closed now — Outside the hours of this machine — Come back in its hours");
    closed.inputs.press("startButton");
    await closed.pass(1_000);
    expect(closed.relay.closures).toBe(0);
    const stale = await startBench({
      policy: { mode, staleness: { warnAfterSeconds: 60, refuseAfterSeconds: 120 } },
      ...contacts,
    });
    await stale.pass(121_000);
    stale.inputs.press("startButton");
    await stale.pass(1_000);
    expect([stale.relay.closures, stale.screen.text]).toEqual([
      0,
      expect.stringContaining("No contact with the server"),
    ]);
  });
});
