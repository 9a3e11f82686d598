import { DAY_MS, signHeartbeat, signRoot } from "@badgekey/shared";
import { testSigner, testSite } from "@badgekey/shared/testing";
import { describe, expect, test } from "vitest";
import { UID, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

describe("site state", () => {
  test("a revocation is verified, kept, told and in force at the next tap", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.setStatus({ 7: "revoked" });
    expect(bench.report.applied.get(bench.site.listName)?.version).toBe(2);
    expect(bench.store.saved.get(bench.site.listName)).toEqual(bench.site.status(2, { 7: "revoked" }));
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.screen.text]).toEqual(["BADGE_REVOKED", "Please see staff"]);
    await bench.cutPower({ offline: true });
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("BADGE_REVOKED");
  });

  test("a badge issued while the machine was cut off opens it: its index lies in the list it holds", async () => {
    const bench = await startBench();
    await bench.pass(3_600_000);
    await bench.tap(bench.badge({ statusIndex: 900, holder: "newcomer", issuedAt: bench.site.at + 1_800_000 }));
    expect(bench.relay.position()).toBe("closed");
  });

  test("a new policy is in force at the next tap, and on the screen at once", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.setPolicy({ name: "Big laser", requires: [[{ training: 3 }]] });
    await bench.pass(200);
    expect(bench.screen.text).toBe("Big laser — Ready — Tap your card to start");
    await bench.tap(bench.badge());
    expect(bench.screen.text).toBe("Training needed — Lathe — Ask staff where to book it");
  });

  test("what a hostile broker delivers changes nothing and is recorded, once however often it comes", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    await bench.setStatus({ 7: "revoked" });
    const other = testSite({ machines: {} });
    for (let time = 0; time < 20; time++) {
      bench.uplink.offer(bench.site.listName, bench.site.status(1));
      bench.uplink.offer(bench.site.listName, bench.site.status(2, { 7: "valid" }));
      bench.uplink.offer("policy", other.policy(1));
      bench.uplink.offer("trust", new Uint8Array(70_000));
      bench.uplink.offer(`${time}${"nonsense".repeat(1_000)}`, Uint8Array.of(1, 2, 3));
      bench.uplink.offer(`status/000000${time + 10}`, new Uint8Array(70_000));
    }
    await settle();
    expect(bench.told).toEqual([
      `securityEvent ${bench.site.listName} LIST_ROLLED_BACK`,
      `securityEvent ${bench.site.listName} LIST_EQUIVOCATED`,
      "securityEvent policy LIST_EQUIVOCATED",
      "securityEvent trust OBJECT_TOO_LARGE",
      "securityEvent an unknown object OBJECT_WRONG_TYPE",
      "securityEvent status OBJECT_TOO_LARGE",
    ]);
    await bench.tap(bench.badge());
    expect(bench.screen.code).toBe("BADGE_REVOKED");
  });

  test("what could not be kept is told only once it is, and kept again later", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    bench.store.isBroken = true;
    await bench.setStatus({ 7: "revoked" });
    const before = bench.uplink.payloads("report").length;
    bench.store.isBroken = false;
    await bench.pass(301_000);
    expect(bench.store.saved.get(bench.site.listName)).toEqual(bench.site.status(2, { 7: "revoked" }));
    expect(bench.uplink.payloads("report").length).toBeGreaterThan(before);
  });
});

describe("time", () => {
  test("R15: a root that lowers it is kept together with the lower time", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await bench.pass(3_600_000);
    const { root, site, keys, at } = bench.site;
    const online = { threshold: 1, keys: [testSigner("online 2").publicKey] };
    const next = { ...root, site, version: 2, issuedAt: at + 1_000, roles: { ...root.roles, online } };
    bench.uplink.offer("root/2", signRoot(next, [keys.root]));
    await settle();
    expect(bench.store.saved.has("root/2")).toBe(true);
    expect(bench.store.clock.floorAt).toBeLessThan(at + 60_000);
  });

  test("is asked for at the connection and every five minutes; the answer makes it confirmed and lists fresh", async () => {
    const bench = await startBench();
    await bench.cutPower({ offline: true });
    expect(bench.trust.clock.state).toBe("untrusted");
    bench.uplink.connect();
    await settle();
    expect(bench.trust.clock.state).toBe("synced");
    expect(bench.trust.now(bench.clock.nowMs())).toBe(Math.floor(bench.now / 1000) * 1000);
    await bench.pass(601_000);
    expect(bench.uplink.payloads("time-query")).toHaveLength(3);
    const nonces = new Set(bench.uplink.payloads("time-query").map(String));
    expect(nonces.size).toBe(3);
    expect(bench.store.clock.freshAt).toBeGreaterThan(bench.site.at);
  });

  test("an answer nobody asked for is refused and recorded", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    const answered = bench.lastAnswer;
    bench.uplink.deliver("time-answer", answered);
    await settle();
    expect(bench.told).toEqual(["securityEvent time-answer NONCE_UNKNOWN"]);
  });

  test("an agent off for three days learns the time with its first contact, and says that its clock stepped", async () => {
    const bench = await startBench();
    await bench.pass(1_000);
    bench.gatewayIsAheadBy(3 * DAY_MS);
    await bench.cutPower({ offline: true });
    bench.uplink.connect();
    bench.offerAll();
    await settle();
    expect(bench.trust.now(bench.clock.nowMs()) - bench.site.at).toBeGreaterThanOrEqual(3 * DAY_MS);
    expect(bench.told).toEqual(["clockStepped"]);
    expect(bench.records.at(-1)?.durationMs).toBeGreaterThan(2 * DAY_MS);
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("a heartbeat days ahead waits for an answer, which is asked for", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await bench.pass(11_000);
    bench.gatewayIsAheadBy(3 * DAY_MS);
    const asked = bench.uplink.payloads("time-query").length;
    await bench.setStatus({ 7: "revoked" });
    expect(bench.uplink.payloads("time-query")).toHaveLength(asked + 1);
    expect(bench.trust.state.applied.get(bench.site.listName)?.version).toBe(2);
  });

  test.each([
    ["an hour", 3, 3_600_000, 3 * (3_600_000 - 300_000)],
    ["two minutes", 20, 120_000, 10 * 120_000],
  ])("R17: %s at a time does not freeze time: what was powered on is kept", async (_what, cycles, onMs, leastMs) => {
    const bench = await startBench();
    for (let cycle = 0; cycle < cycles; cycle++) {
      await bench.pass(onMs);
      await bench.cutPower({ offline: true });
    }
    expect(bench.trust.now(bench.clock.nowMs()) - bench.site.at).toBeGreaterThan(leastMs);
  });

  test("a signed time past the end of the trust list is not believed", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    const at = bench.site.at + 500 * DAY_MS;
    const objects = new Map(bench.trust.state.heartbeat?.objects);
    const bytes = signHeartbeat(
      { version: 99, now: at, expiresAt: at + DAY_MS, objects },
      bench.site.site,
      bench.site.keys.online,
    );
    bench.uplink.offer("heartbeat", bytes);
    await settle();
    expect(bench.trust.now(bench.clock.nowMs())).toBeLessThan(bench.site.at + DAY_MS);
  });
});

describe("acknowledgements", () => {
  test("with the chain's own hash drop the rows; with another one keep them and are recorded", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await bench.tap(bench.badge({ cardUid: UID }));
    await bench.acknowledge(new Uint8Array(32));
    expect(bench.told).toEqual(["sessionStarted", "securityEvent acknowledgement does not fit the chain"]);
    await bench.acknowledge();
    expect(bench.journal.rows).toEqual([]);
  });
});

describe("reports", () => {
  test("tell at the connection, every minute and after changes what is applied and how the machine stands", async () => {
    const bench = await startBench();
    await bench.tap(bench.badge());
    bench.uplink.connect();
    await settle();
    expect(bench.report).toMatchObject({ state: "active", faults: [], lastCommand: 0, clock: "synced" });
    expect(bench.report.journal).toMatchObject({ boot: 1, sequence: 2, pending: 2 });
    expect(bench.report.journal.chain).toEqual(bench.journal.head.chain);
    expect([...bench.report.applied.keys()].sort()).toEqual(["policy", "root", bench.site.listName, "trust"]);
    const { number } = bench.report;
    await bench.pass(61_000);
    expect(bench.report.number).toBeGreaterThan(number);
    bench.reader.lose();
    await settle();
    expect(bench.report.faults).toEqual(["READER_LOST"]);
  });

  test("a burst of changes makes few of them", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    const before = bench.uplink.payloads("report").length;
    for (let version = 0; version < 20; version++)
      bench.publish(bench.site.listName, (next) => bench.site.status(next));
    await settle();
    expect(bench.report.applied.get(bench.site.listName)?.version).toBe(21);
    expect(bench.uplink.payloads("report").length - before).toBeLessThan(10);
  });

  test("a stalled journal does not silence them", async () => {
    const bench = await startBench();
    bench.uplink.connect();
    await settle();
    bench.journal.stall();
    const { number } = bench.report;
    await bench.pass(65_000);
    expect(bench.report.number).toBeGreaterThan(number);
  });
});
