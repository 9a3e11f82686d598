import { type CommandAction, decodeUsageRecord, signCommand } from "@badgekey/shared";
import { testSigner } from "@badgekey/shared/testing";
import { describe, expect, test } from "vitest";
import { type AgentBench, UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

const machine = "laser-1";
const by = "staff-1";
const outOfService = (when: "now" | "whenFree"): CommandAction => ({
  kind: "outOfService",
  machine,
  when,
  reason: "lens cracked",
  by,
});
const release: CommandAction = { kind: "release", machine, by };

async function connected(): Promise<AgentBench> {
  const bench = await startBench();
  bench.uplink.connect();
  await settle();
  return bench;
}

describe("out of service", () => {
  test("when free: the use goes on, then nobody starts; released, it works again", async () => {
    const bench = await connected();
    await bench.tap(bench.badge());
    await bench.order(outOfService("whenFree"));
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "closed",
      "Enabled until 04:00 — Out of service after this use — Tap again to finish",
    ]);
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "MACHINE_OUT_OF_SERVICE"]);
    await bench.order(release);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
    expect(bench.told).toEqual([
      "sessionStarted",
      "outOfServiceSet lens cracked",
      "commandApplied outOfService",
      "sessionEnded tap",
      "tapRefused MACHINE_OUT_OF_SERVICE",
      "outOfServiceCleared",
      "commandApplied release",
      "sessionStarted",
    ]);
    expect(bench.records.find(({ kind }) => kind === "outOfServiceSet")).toMatchObject({ by, command: 1 });
  });

  test("now: opens at once, whatever the journal does", async () => {
    const bench = await connected();
    await bench.tap(bench.badge());
    bench.journal.stall();
    await bench.order(outOfService("now"));
    await bench.pass(300);
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "open",
      "Out of service — lens cracked — Please tell staff",
    ]);
  });

  test("stands in the policy, too: set by it, and gone with it", async () => {
    const bench = await connected();
    await bench.pass(5_000);
    await bench.setLockouts(new Map([[machine, { reason: "service", by, at: bench.now }]]));
    expect(bench.screen.text).toContain("Out of service — service");
    await bench.pass(5_000);
    await bench.setLockouts(new Map());
    expect(bench.screen.text).toContain("Ready");
    expect(bench.told).toEqual(["outOfServiceSet service", "outOfServiceCleared"]);
  });

  test("stands in the policy, too: in force at a boot offline, should the mark be lost", async () => {
    const bench = await connected();
    await bench.pass(5_000);
    await bench.setLockouts(new Map([[machine, { reason: "service", by, at: bench.now }]]));
    await bench.restartWith({ ...bench.journal.restart(), marks: new Map() });
    expect(bench.screen.text).toContain("Out of service — service");
  });

  test("released by command, it is not set again by the policy that still names it, not even after a power cut", async () => {
    const bench = await connected();
    await bench.pass(5_000);
    await bench.setLockouts(new Map([[machine, { reason: "service", by, at: bench.now }]]));
    await bench.pass(5_000);
    await bench.order(release);
    expect(bench.screen.text).toContain("Ready");
    await bench.cutPower();
    expect(bench.screen.text).toContain("Ready");
  });

  test("set by command, it is not lifted by a policy older than the command", async () => {
    const bench = await connected();
    await bench.pass(5_000);
    const older = bench.now;
    await bench.pass(5_000);
    await bench.order(outOfService("now"));
    await bench.setPolicy({ contact: "Ada" }, older);
    expect(bench.screen.text).toContain("Out of service");
    await bench.pass(5_000);
    await bench.setPolicy({ contact: "Ada" });
    expect(bench.screen.text).toContain("Ready");
  });
});

describe("a command", () => {
  test("replayed does nothing and is recorded once; delivered twice by the broker it is one", async () => {
    const bench = await connected();
    const set = await bench.order(outOfService("now"));
    const freed = await bench.order(release);
    bench.uplink.deliver("command", freed);
    bench.uplink.deliver("command", set);
    bench.uplink.deliver("command", set);
    await settle();
    expect(bench.screen.text).toContain("Ready");
    expect(bench.told.slice(-1)).toEqual(["commandRefused outOfService COMMAND_REPLAYED"]);
    await bench.cutPower();
    bench.uplink.deliver("command", set);
    await settle();
    expect(bench.screen.text).toContain("Ready");
    expect(bench.told.slice(-1)).toEqual(["commandRefused outOfService COMMAND_REPLAYED"]);
  });

  test("is counted before it acts: what loosens does not act with a journal that stalls, and is used up", async () => {
    const bench = await connected();
    await bench.order(outOfService("now"));
    bench.journal.stall();
    const freed = await bench.order(release);
    await bench.pass(300);
    expect(bench.screen.text).toContain("Out of service");
    bench.journal.resume();
    await settle();
    expect(bench.told.at(-1)).toBe("commandRefused release JOURNAL_UNAVAILABLE");
    await bench.cutPower();
    bench.uplink.deliver("command", freed);
    await settle();
    expect([bench.told.at(-1), bench.screen.text]).toEqual([
      "commandRefused release COMMAND_REPLAYED",
      "Out of service — lens cracked — Please tell staff",
    ]);
  });

  test.each<[string, (bench: AgentBench) => Uint8Array, string]>([
    [
      "past its end",
      (bench) => bench.command(outOfService("now"), { issuedAt: bench.now - 120_000 }),
      "commandRefused outOfService OBJECT_EXPIRED",
    ],
    [
      "for another machine",
      (bench) => bench.command({ kind: "end", machine: "saw-1", by }),
      "commandRefused end COMMAND_REFUSED",
    ],
    [
      "signed by a stranger",
      (bench) =>
        signCommand(
          { number: 1, issuedAt: bench.now, expiresAt: bench.now + 60_000, action: release, agent: machine },
          bench.site.site,
          testSigner("a stranger"),
        ),
      "securityEvent command SIGNER_UNTRUSTED",
    ],
    [
      "for another agent",
      (bench) =>
        signCommand(
          { number: 1, issuedAt: bench.now, expiresAt: bench.now + 60_000, action: release, agent: "saw-1" },
          bench.site.site,
          bench.site.keys.command,
        ),
      "securityEvent command OBJECT_WRONG_AGENT",
    ],
  ])("%s is refused", async (_what, make, told) => {
    const bench = await connected();
    const bytes = make(bench);
    bench.uplink.deliver("command", bytes);
    bench.uplink.deliver("command", bytes);
    await settle();
    expect(bench.told).toEqual([told]);
    expect(bench.screen.text).toContain("Ready");
  });

  test("that loosens needs confirmed time; one that makes safer does not", async () => {
    const bench = await startBench();
    await bench.cutPower({ offline: true });
    await bench.order(outOfService("now"));
    expect(bench.screen.text).toContain("Out of service");
    await bench.order(release);
    expect(bench.screen.text).toContain("Out of service");
    expect(bench.told.at(-1)).toBe("commandRefused release COMMAND_REFUSED");
    bench.uplink.connect();
    await settle();
    await bench.order(release);
    expect(bench.screen.text).toContain("Ready");
  });

  test("with the counter lost the first release is used up, the second works", async () => {
    const bench = await startBench();
    const opened = bench.journal.restart();
    const salvage = { movedTo: "x", rowsKept: 0, rowsLost: 0, reason: "damaged", marksLost: true };
    await bench.restartWith({ ...opened, salvage });
    await bench.order(release);
    expect(bench.screen.text).toContain("Needs attention");
    await bench.order(release);
    expect(bench.screen.text).toContain("Ready");
  });

  test("with the counter lost no card is read or written by an order that may have been used before; a use is ended", async () => {
    const bench = await startBench();
    const opened = bench.journal.restart();
    const salvage = { movedTo: "x", rowsKept: 0, rowsLost: 0, reason: "damaged", marksLost: true };
    await bench.restartWith({ ...opened, salvage });
    await bench.order({ kind: "writeCard", job: "job-1", badge: bench.badge(), seconds: 30 });
    expect(bench.told.at(-1)).toBe("commandRefused writeCard COMMAND_REFUSED");
    await bench.order({ kind: "readCard", job: "job-2", seconds: 30 });
    expect(bench.screen.text).toContain("Lay the card on the reader");
    await bench.restartWith({ ...bench.journal.restart(), salvage });
    await bench.order({ kind: "end", machine, by });
    expect(bench.told.at(-1)).toBe("commandApplied end");
  });

  test("ends a use", async () => {
    const bench = await connected();
    await bench.tap(bench.badge());
    await bench.order({ kind: "end", machine, by });
    expect(bench.relay.position()).toBe("open");
    expect(bench.records.find(({ kind }) => kind === "sessionEnded")).toMatchObject({
      reason: "command",
      by,
      command: 1,
    });
  });

  test("makes the machine show itself", async () => {
    const bench = await connected();
    await bench.order({ kind: "identify", seconds: 10 });
    expect(bench.screen.text).toBe("Here I am — Laser cutter");
    await bench.pass(10_200);
    expect(bench.screen.text).toContain("Ready");
  });

  test("never closes a relay", async () => {
    const bench = await connected();
    for (const action of [
      release,
      { kind: "end", machine, by },
      outOfService("whenFree"),
      release,
    ] as CommandAction[]) {
      await bench.order(action);
      await bench.pass(1_000);
    }
    expect(bench.relay.closures).toBe(0);
  });
});

test("no record and no mark names anyone: pseudonyms and staff ids alone (R22)", async () => {
  const bench = await connected();
  await bench.tap(bench.badge({ cardUid: UID }));
  await bench.order(outOfService("whenFree"));
  const text = new TextDecoder("latin1").decode(
    new Uint8Array([
      ...bench.journal.rows.flatMap(({ body }) => [...body]),
      ...[...bench.journal.marks.values()].flatMap((mark) => [...mark]),
    ]),
  );
  expect(text).not.toMatch(/@|Test makerspace|Ada/);
  // The card's UID stands in the log only where staff asked for it.
  expect(bench.journal.rows.some(({ body }) => decodeUsageRecord(body).uid !== undefined)).toBe(false);
});
