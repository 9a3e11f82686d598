import { DAY_MS } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { OTHER_UID, UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

describe("a tap", () => {
  test("closes the relay, and the next one opens it", async () => {
    const bench = await startBench();
    expect(bench.screen.text).toBe("Laser cutter — Ready — Tap your card to start");
    await bench.tap(bench.badge({ cardUid: UID }));
    expect(bench.relay.position()).toBe("closed");
    expect(bench.screen.text).toBe("Enabled until 04:00 — Tap again to finish");
    await bench.pass(60_000);
    expect(bench.relay.position()).toBe("closed");
    await bench.tap(bench.badge({ cardUid: UID }));
    expect(bench.relay.position()).toBe("open");
    expect(bench.screen.text).toBe("Finished — Used for 1 min — Leave the machine tidy, please");
    await bench.pass(7_000);
    expect(bench.screen.text).toBe("Laser cutter — Ready — Tap your card to start");
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded tap"]);
    expect(bench.records.at(-1)).toMatchObject({ holder: "a1b2c3d4", durationMs: 60_900 });
    expect(bench.screen.decisions.map(({ code }) => code)).toEqual(["ACCEPTED", "ACCEPTED"]);
    expect(bench.relay.closures).toBe(1);
  });

  test("works on an NTAG as on a Type 4 card", async () => {
    const bench = await startBench();
    bench.reader.insert(bench.ntag(bench.badge({ cardUid: UID })));
    await settle();
    expect(bench.relay.position()).toBe("closed");
  });

  test("is noted down before the relay closes: what opened it, how sure that is, how long it took", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge({ cardUid: UID }));
    expect(bench.records.at(-1)).toMatchObject({
      kind: "sessionStarted",
      machine: "laser-1",
      clock: "synced",
      at: bench.site.at + 500,
      holder: "a1b2c3d4",
      statusIndex: 7,
      grants: [{ training: 1, level: 2 }],
      assurance: 2,
      decisionUs: 0,
    });
    expect(bench.records.at(-1)?.session).toHaveLength(8);
  });

  test.each([
    ["one byte changed", "SIGNATURE_INVALID"],
    ["ended", "BADGE_EXPIRED"],
    ["on another card", "CARD_MISMATCH"],
    ["for another training", "TRAINING_MISSING"],
    ["with a laser grant that ended", "TRAINING_ENDED"],
    ["on a card without it", "CARD_EMPTY"],
  ])("with a badge %s is refused with %s, told in words, and recorded", async (what, code) => {
    const bench = await startBench();
    const good = bench.badge({ cardUid: UID });
    const changed = good.slice();
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    switch (what) {
      case "one byte changed":
        await bench.tap(changed);
        break;
      case "ended":
        await bench.tap(bench.badge({ issuedAt: bench.site.at - 9 * DAY_MS, expiresAt: bench.site.at }));
        break;
      case "on another card":
        await bench.tap(good, OTHER_UID);
        break;
      case "for another training":
        await bench.tap(bench.badge({ grants: [{ training: 2, level: 2, daysBefore: 0 }] }));
        break;
      case "with a laser grant that ended":
        await bench.tap(bench.badge({ grants: [{ training: 1, level: 2, daysBefore: 300 }] }));
        break;
      default:
        bench.reader.insert(bench.blank());
        await settle();
    }
    expect(bench.screen.code).toBe(code);
    expect(bench.told).toEqual([`tapRefused ${code}`]);
    expect(bench.relay.closures).toBe(0);
    expect(bench.screen.text).not.toContain("Ready");
    await bench.pass(7_000);
    expect(bench.screen.text).toContain("Ready");
  });

  test("with a card lifted too early asks for another, and costs nothing", async () => {
    const bench = await startBench();
    const card = bench.card(bench.badge());
    bench.reader.insert(card, { pulledAt: 3 });
    await settle();
    expect(bench.screen.text).toBe("Tap again — The card was lifted too early — Hold it still for a moment");
    bench.reader.insert(card);
    await settle();
    expect(bench.relay.position()).toBe("closed");
  });

  test("with a card that falls silent ends in time, and the loop never waits for it", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.reader.insert(bench.card(bench.badge(), OTHER_UID), { silentFrom: 2 });
    await bench.pass(2_900);
    expect([bench.relay.position(), bench.screen.code]).toEqual(["closed", "ACCEPTED"]);
    await bench.pass(200);
    expect([bench.relay.position(), bench.screen.code]).toEqual(["closed", "CARD_UNREADABLE"]);
  });

  test("refused again and again is one record a minute with a count (R19)", async () => {
    const bench = await startBench();
    const badge = bench.badge({ grants: [{ training: 2, level: 2, daysBefore: 0 }] });
    for (let tap = 0; tap < 5; tap++) await bench.tap(badge);
    await bench.tap(bench.badge({ holder: "zzzzzzzz", grants: [{ training: 2, level: 2, daysBefore: 0 }] }));
    expect(bench.told).toEqual(["tapRefused TRAINING_MISSING", "tapRefused TRAINING_MISSING"]);
    await bench.pass(60_000);
    expect(bench.told.slice(2)).toEqual(["tapRefused TRAINING_MISSING ×4"]);
    expect(bench.records.at(-1)?.grants).toEqual([{ training: 1, level: 2 }]);
  });

  test("by someone else asks whether the machine is free; a second one takes over without opening", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    const other = bench.badge({ holder: "zzzzzzzz", statusIndex: 8 });
    await bench.tap(other);
    expect(bench.screen.text).toContain("Someone is still signed on");
    await bench.tap(other);
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded handover", "sessionStarted"]);
    expect(bench.relay.closures).toBe(1);
  });
});

describe("a card that must stay in", () => {
  const policy = { presence: "hold" } as const;

  test("ends the use when it is taken out", async () => {
    const bench = await startBench({ policy });
    bench.reader.insert(bench.card(bench.badge()));
    await bench.pass(10_000);
    expect(bench.relay.position()).toBe("closed");
    bench.reader.remove();
    await bench.pass(1_000);
    expect([bench.relay.position(), bench.screen.text]).toEqual([
      "closed",
      "Put your card back — or this use ends now",
    ]);
    await bench.pass(1_000);
    expect(bench.relay.position()).toBe("open");
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded removal"]);
  });

  test("taken out before it was accepted starts for no longer than its grace", async () => {
    const bench = await startBench({ policy });
    bench.journal.stall();
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    bench.reader.remove();
    bench.journal.resume();
    await bench.pass(3_000);
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded removal"]);
    expect(bench.relay.position()).toBe("open");
  });

  test("R14: a lost reader ends it much later than a removal", async () => {
    const bench = await startBench({ policy });
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    bench.reader.lose();
    await bench.pass(120_000);
    expect(bench.relay.position()).toBe("closed");
    await bench.pass(2_000);
    expect(bench.relay.position()).toBe("open");
    expect(bench.told.at(-1)).toBe("sessionEnded readerLost");
    expect(bench.screen.text).toContain("The card reader is gone");
    bench.reader.ready();
    await bench.pass(7_000);
    expect(bench.screen.text).toContain("Ready");
  });
});

describe("without contact", () => {
  test("a gateway gone for days changes nothing, until the lists are too old", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await bench.pass(1_000);
    bench.uplink.disconnect();
    await bench.pass(6 * 3_600_000);
    for (const days of [2, 6]) {
      const clock = bench.trust.clock;
      bench.trust.setClock({ ...clock, floorAt: bench.site.at + days * DAY_MS, floorMonotonicMs: bench.clock.nowMs() });
      await bench.tap(bench.badge());
      expect(bench.relay.position()).toBe("closed");
      await bench.tap(bench.badge());
    }
    await bench.pass(7_000);
    expect(bench.screen.text).toContain("Works without contact until 8 Jan 2026");
    const clock = bench.trust.clock;
    bench.trust.setClock({ ...clock, floorAt: bench.site.at + 8 * DAY_MS, floorMonotonicMs: bench.clock.nowMs() });
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.relay.position()]).toEqual(["LISTS_STALE", "open"]);
  });
});

describe("stopping", () => {
  test("ends the use, opens, notes it down and closes everything", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    const stopped = bench.agent.stop();
    await bench.pass(3_000);
    await stopped;
    expect(bench.told).toEqual(["sessionStarted", "sessionEnded stopped", "agentStopped"]);
    expect(bench.relay.position()).toBe("open");
    expect([bench.uplink.isClosed, bench.screen.isClosed, bench.reader.isClosed]).toEqual([true, true, true]);
    const before = bench.progress;
    await bench.pass(10_000);
    expect(bench.progress).toBe(before);
  });

  test("a defect opens the relay and is told: the process must end", async () => {
    const bench = await startBench({
      deps: ({ screen }) => ({
        screen: {
          show: (view) => {
            if (view.tone === "enabled") throw new Error("a bug");
            screen.show(view);
          },
          decided: () => undefined,
          close: () => Promise.resolve(),
        },
      }),
    });
    await bench.tap(bench.badge());
    await bench.pass(1_000);
    expect(bench.defects).toHaveLength(1);
    expect(bench.relay.position()).toBe("open");
  });

  test("R2: after a defect no start is permitted any more, not even one that was waiting for its commit", async () => {
    const bench = await startBench({
      deps: ({ screen }) => ({
        screen: {
          show: (view) => screen.show(view),
          decided: ({ code }) => {
            if (code === "BADGE_MALFORMED") throw new Error("a bug");
          },
          close: () => Promise.resolve(),
        },
      }),
    });
    bench.journal.stall();
    bench.reader.insert(bench.card(bench.badge()));
    await settle();
    bench.reader.insert(bench.card(Uint8Array.of(1, 2, 3)));
    await settle();
    expect(bench.defects).toHaveLength(1);
    bench.journal.resume();
    await settle();
    expect(bench.relay.position()).toBe("open");
  });
});
