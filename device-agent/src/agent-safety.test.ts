import { describe, expect, test, vi } from "vitest";
import { UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";
import { fakeJournal } from "./testing/fake-journal.js";

test("R8: the tables of languages and zones are loaded before the first use, not in the middle of it", async () => {
  vi.resetModules();
  const { startBench: startFresh } = await import("./agent-fixture.js");
  const { DateTimeFormat } = Intl;
  const made = vi.spyOn(Intl, "DateTimeFormat").mockImplementation(function (...options) {
    return new DateTimeFormat(...options);
  });
  const bench = await startFresh();
  expect(made).toHaveBeenCalled();
  made.mockClear();
  await bench.tap(bench.badge());
  await bench.pass(1_000);
  expect(bench.screen.text).toContain("Enabled until");
  expect(made).not.toHaveBeenCalled();
  made.mockRestore();
});

describe("SAFETY, the relay", () => {
  test("R2: the loop alone renews: a loop that hangs lets the contact open within 500 ms", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    const permits = bench.relay.permits;
    await bench.pass(3_000);
    expect(bench.relay.permits - permits).toBeGreaterThanOrEqual(19);
    expect(bench.relay.position()).toBe("closed");
    bench.clock.stall(500);
    expect(bench.relay.position()).toBe("open");
  });

  test("R2, R5: a loop that goes on after a missed renewal ends the use: no machine starts again without a tap", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.clock.stall(700);
    await bench.pass(2_000);
    expect(bench.told.slice(1)).toEqual([
      "faultRaised RELAY_UNRESPONSIVE",
      "sessionEnded fault RELAY_UNRESPONSIVE",
      "faultCleared RELAY_UNRESPONSIVE",
    ]);
    expect([bench.relay.position(), bench.relay.closures]).toEqual(["open", 1]);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R2: a holder that does not answer ends the use; the next tap starts a fresh one", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.relay.hang();
    await bench.pass(1_000);
    expect(bench.told).toEqual([
      "sessionStarted",
      "faultRaised RELAY_UNRESPONSIVE",
      "sessionEnded fault RELAY_UNRESPONSIVE",
    ]);
    expect(bench.screen.text).toBe("Needs attention — The switch of this machine does not answer — Please tell staff");
    bench.relay.mend();
    await bench.pass(2_000);
    expect(bench.told.at(-1)).toBe("faultCleared RELAY_UNRESPONSIVE");
    expect(bench.relay.position()).toBe("open");
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R4: a welded contact is found within 200 ms, latched, and outlasts a power cut until staff release it", async () => {
    const bench = await startBench({ contacts: { feedback: false } });
    bench.uplink.connect();
    bench.feedBack();
    await bench.tap(bench.badge());
    bench.relay.weld();
    bench.reader.insert(bench.card(bench.badge()));
    await bench.pass(400);
    expect(bench.told.slice(-2)).toEqual(["sessionEnded tap", "faultRaised RELAY_STUCK"]);
    bench.reader.remove();
    await bench.cutPower();
    expect(bench.screen.text).toContain("The switch of this machine hangs");
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.relay.position()]).toEqual(["MACHINE_FAULTED", "open"]);
    await bench.order({ kind: "release", machine: "laser-1", by: "staff-1" });
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R4: a contact that is read closed before a grant refuses it", async () => {
    const bench = await startBench({ contacts: { feedback: false } });
    await bench.pass(1_000);
    bench.inputs.set("feedback", true);
    await bench.pass(300);
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    expect([bench.screen.code, bench.relay.closures]).toEqual(["MACHINE_FAULTED", 0]);
    expect(bench.told).toEqual(["faultRaised RELAY_STUCK", "tapRefused MACHINE_FAULTED"]);
  });
});

describe("SAFETY, start and restart", () => {
  test("R5: a power cut in mid-use: the relay stays open, the use is closed as interrupted, a fresh tap is needed", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
    const { session } = bench.records.at(-1) ?? {};
    await bench.cutPower();
    expect(bench.relay.position()).toBe("open");
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded interrupted"]);
    expect(bench.records.at(-1)).toMatchObject({ session, holder: "a1b2c3d4", statusIndex: 7 });
    await bench.cutPower();
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded interrupted"]);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R5: out of service is still set after a power cut and a boot offline, and was not reported before it was durable", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    bench.journal.stall();
    await bench.order({ kind: "outOfService", machine: "laser-1", when: "now", reason: "lens cracked", by: "staff-1" });
    const { number } = bench.report;
    await bench.pass(65_000);
    expect(bench.screen.text).toBe("Out of service — lens cracked — Please tell staff");
    expect(bench.report.number).toBeGreaterThan(number);
    expect(bench.report.state).toBe("idle");
    bench.journal.resume();
    await settle();
    expect(bench.report.state).toBe("lockedOut");
    await bench.cutPower({ offline: true });
    expect(bench.screen.text).toBe("Out of service — lens cracked — Please tell staff");
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.relay.closures]).toEqual(["MACHINE_OUT_OF_SERVICE", 0]);
  });

  test("R5: marks that cannot be read start the machine out of service until staff release it", async () => {
    const journal = fakeJournal({ marks: new Map([["outOfService", Uint8Array.of(0xff)]]) });
    const bench = await startBench({ journal });
    bench.uplink.connect();
    await settle();
    expect(bench.screen.text).toBe("Needs attention — Stored settings were damaged — Please tell staff");
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_FAULTED");
    await bench.order({ kind: "release", machine: "laser-1", by: "staff-1" });
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R6: a card in the field at boot counts for nothing until it was seen absent", async () => {
    const bench = await startBench();
    const card = bench.card(bench.badge());
    bench.reader.insert(card);
    await settle();
    expect(bench.relay.position()).toBe("closed");
    await bench.cutPower();
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "open",
      "Take the card away — It lay there before — Then tap again",
    ]);
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("open");
    bench.reader.remove();
    bench.reader.insert(card);
    await settle();
    expect(bench.relay.position()).toBe("closed");
  });

  test("R7: with a start button the tap alone closes nothing", async () => {
    const bench = await startBench({
      policy: { startButton: true },
      contacts: { startButton: false, endButton: false },
    });
    bench.inputs.press("startButton");
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "open",
      "Press start — Your card is accepted — Press the start button",
    ]);
    bench.inputs.press("startButton");
    await settle();
    expect(bench.relay.position()).toBe("closed");
    bench.reader.lose();
    bench.inputs.press("endButton");
    await settle();
    expect(bench.relay.position()).toBe("open");
  });
});

describe("SAFETY R8, the journal", () => {
  test("no log, no start: a stalled disk refuses the tap; what is committed late is followed by startAborted", async () => {
    const bench = await startBench();
    bench.journal.stall();
    bench.reader.insert(bench.card(bench.badge()));
    await bench.pass(249);
    expect([bench.relay.closures, bench.told]).toEqual([0, []]);
    await bench.pass(100);
    expect([bench.screen.code, bench.relay.closures]).toEqual(["JOURNAL_UNAVAILABLE", 0]);
    expect(bench.screen.text).toBe("Not started — The use could not be noted down — Please tell staff");
    bench.reader.remove();
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("MACHINE_FAULTED");
    bench.journal.resume();
    await settle();
    expect(bench.told.slice(0, 3)).toEqual([
      "sessionStarted",
      "faultRaised JOURNAL_UNAVAILABLE",
      "startAborted fault JOURNAL_UNAVAILABLE",
    ]);
    expect(bench.told).toContain("faultCleared JOURNAL_UNAVAILABLE");
    expect(bench.journal.marks.has("session")).toBe(false);
    await bench.pass(1_000);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("a disk that stalls for 5 s during a use: the relay stays closed and no renewal is missed", async () => {
    const bench = await startBench({ policy: { session: { maxSeconds: 600, warnSeconds: 300 } } });
    await bench.tap(bench.badge());
    await bench.pass(297_000);
    bench.journal.stall();
    const permits = bench.relay.permits;
    for (let passed = 0; passed < 5_000; passed += 50) {
      await bench.pass(50);
      expect(bench.relay.position()).toBe("closed");
    }
    expect(bench.relay.permits - permits).toBeGreaterThanOrEqual(32);
    bench.journal.resume();
    await settle();
    expect([bench.relay.closures, bench.told]).toEqual([1, ["sessionStarted", "sessionWarned time"]]);
  });

  test("opening never waits for the disk", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.journal.stall();
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    expect(bench.relay.position()).toBe("open");
  });

  test("a disk with an I/O error lets the use finish, starts no other, and loses no record once it is mended", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.journal.fail();
    await bench.pass(1_000);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("open");
    await bench.pass(7_000);
    expect(bench.screen.text).toBe("Needs attention — Uses cannot be noted down — Please tell staff");
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.relay.closures]).toEqual(["MACHINE_FAULTED", 1]);
    bench.journal.mend();
    await bench.pass(61_000);
    expect(bench.told).toEqual([
      "sessionStarted",
      "sessionEnded tap",
      "faultRaised JOURNAL_UNAVAILABLE",
      "tapRefused MACHINE_FAULTED",
      "faultCleared JOURNAL_UNAVAILABLE",
    ]);
  });
});

describe("SAFETY, during a use", () => {
  test("R10: a badge revoked during its use does not open the relay; its holder is told, ends, and cannot come back", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.tap(bench.badge({ cardUid: UID }));
    await bench.setStatus({ 7: "revoked" });
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("closed");
    expect(bench.screen.text).toBe("Enabled until 00:10 — Finish your work, then see staff — Tap again to finish");
    await bench.tap(bench.badge({ cardUid: UID }));
    expect([bench.relay.position(), bench.screen.text]).toEqual(["open", "Please see staff"]);
    await bench.tap(bench.badge({ cardUid: UID }));
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "BADGE_REVOKED"]);
    expect(bench.told).toEqual([
      "sessionStarted",
      "sessionWarned withdrawn BADGE_REVOKED",
      "sessionEnded tap",
      "tapRefused BADGE_REVOKED",
    ]);
  });

  test("R10: a revocation that arrives between the verdict and the start is not missed", async () => {
    let opened: (() => void) | undefined;
    let isSlow = false;
    const bench = await startBench({
      deps: ({ relay }) => ({
        relay: {
          permit: (ms, what) => relay.permit(ms, what),
          watch: (onFault) => relay.watch(onFault),
          rewire: (wiring) => relay.rewire(wiring),
          open: async () => {
            await relay.open();
            if (isSlow) await new Promise<void>((resolve) => (opened = resolve));
          },
          close: () => relay.close(),
        },
      }),
    });
    bench.uplink.connect();
    await settle();
    await bench.tap(bench.badge());
    isSlow = true;
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    // The loop still waits for the relay's holder when the next card has its verdict, and loses its badge.
    bench.reader.insert(bench.card(bench.badge({ holder: "zzzzzzzz", statusIndex: 8 })));
    await settle();
    await bench.setStatus({ 8: "revoked" });
    opened?.();
    await settle();
    expect(bench.told.slice(-2)).toEqual(["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"]);
  });

  test("R10: neither a policy without the machine nor stale lists nor the end of the badge ends a use", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.tap(bench.badge());
    await bench.setPolicy({ requires: [[{ training: 3, level: 4 }]], staleness: { refuseAfterSeconds: 0 } });
    const clock = bench.trust.clock;
    bench.trust.setClock({
      ...clock,
      floorAt: bench.site.at + 350 * 86_400_000,
      floorMonotonicMs: bench.clock.nowMs(),
    });
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("closed");
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.told]).toEqual(["open", ["sessionStarted", "sessionEnded tap"]]);
  });

  test("R14: a lost reader lets the use go on to its end and starts nothing before it is back", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.reader.lose();
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("closed");
    bench.reader.ready();
    await bench.pass(1_000);
    await bench.tap(bench.badge());
    expect(bench.told).toEqual([
      "sessionStarted",
      "faultRaised READER_LOST",
      "faultCleared READER_LOST",
      "sessionEnded tap",
    ]);
  });

  test("R15, R16: a clock that jumps ahead ends no use, and one that jumped never goes back", async () => {
    const bench = await startBench({ policy: { session: { maxSeconds: 600, warnSeconds: 0 } } });
    await bench.tap(bench.badge());
    const before = bench.trust.now(bench.clock.nowMs());
    const clock = bench.trust.clock;
    bench.trust.setClock({ ...clock, floorAt: before + 86_400_000, floorMonotonicMs: bench.clock.nowMs() });
    await bench.pass(590_000);
    expect(bench.relay.position()).toBe("closed");
    await bench.pass(11_000);
    expect(bench.told.at(-1)).toBe("sessionEnded time");
    await bench.agent.stop().catch(() => undefined);
    expect(bench.store.clock.floorAt).toBeGreaterThan(before + 86_400_000);
  });

  test("R9: progress is told after every step, and while a use lives whatever the journal does", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.journal.stall();
    const before = bench.progress;
    await bench.pass(3_000);
    expect(bench.progress - before).toBeGreaterThanOrEqual(19);
  });
});
