import { DAY_MS, HOUR_MS, withBatteryClock } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type AgentBench, startBench } from "./agent-fixture.js";
import { settle } from "./testing/fake-clock.js";

const YEARS_MS = 3650 * DAY_MS;
const jumps: readonly (readonly [string, number])[] = [
  ["1 h ahead", HOUR_MS],
  ["1 h back", -HOUR_MS],
  ["1 day ahead", DAY_MS],
  ["1 day back", -DAY_MS],
  ["10 years ahead", YEARS_MS],
  ["10 years back", -YEARS_MS],
];

interface Clocks {
  readonly bench: AgentBench;
  systemJumps(ms: number): void;
  batteryJumps(ms: number): void;
}

/** A bench whose computer has a clock of its own, and a battery clock, both right at first. */
async function withClocks(): Promise<Clocks> {
  let [systemMs, batteryMs] = [0, 0];
  const bench = await startBench({
    policy: { session: { maxSeconds: 900, warnSeconds: 0 } },
    deps: (made) => ({
      wallClock: {
        systemAt: () => made.now + systemMs,
        batteryAt: () => Promise.resolve(made.now + batteryMs),
      },
    }),
  });
  return { bench, systemJumps: (ms) => (systemMs += ms), batteryJumps: (ms) => (batteryMs += ms) };
}

/** The same without a word of the gateway since the boot, on the battery clock's word. */
async function inHoldover(): Promise<Clocks> {
  const clocks = await withClocks();
  const { bench } = clocks;
  await bench.cutPower({ offline: true });
  bench.trust.setClock(withBatteryClock(bench.trust.clock, bench.now, bench.clock.nowMs()));
  expect(bench.trust.clock.state).toBe("holdover");
  return clocks;
}

describe("R16: clocks that jump while a use runs", () => {
  for (const [what, ms] of jumps) {
    test(`R16: the system's clock ${what}: the use goes on, trusted time does not move, the step is recorded`, async () => {
      const { bench, systemJumps } = await withClocks();
      bench.uplink.connect();
      await settle();
      await bench.tap(bench.badge());
      await bench.pass(20_000);
      const asked = bench.uplink.payloads("time-query").length;
      systemJumps(ms);
      await bench.pass(20_000);
      expect([bench.relay.position(), bench.trust.clock.state]).toEqual(["closed", "synced"]);
      expect(Math.abs(bench.trust.now(bench.clock.nowMs()) - bench.now)).toBeLessThan(1_000);
      expect(bench.told).toEqual(["sessionStarted", "clockStepped system"]);
      expect(bench.records.at(-1)?.durationMs).toBe(Math.abs(ms));
      expect(bench.uplink.payloads("time-query").length).toBe(asked + 1);
    });

    test(`R16, R17: in holdover the battery clock ${what}: the use goes on, and the time counts as unconfirmed`, async () => {
      const { bench, batteryJumps } = await inHoldover();
      await bench.tap(bench.badge());
      batteryJumps(ms);
      await bench.pass(20_000);
      expect([bench.relay.position(), bench.trust.clock.state]).toEqual(["closed", "untrusted"]);
      expect(Math.abs(bench.trust.now(bench.clock.nowMs()) - bench.now)).toBeLessThan(1_000);
      expect(bench.told.at(-1)).toBe("clockStepped battery");
      bench.uplink.connect();
      await settle();
      expect(bench.trust.clock.state).toBe("synced");
      await bench.pass(60_000);
      expect(bench.relay.position()).toBe("closed");
    });

    test(`R15, R16: the gateway's time ${what}: the use goes on, and what expired stays so`, async () => {
      const { bench } = await withClocks();
      bench.uplink.connect();
      await settle();
      await bench.tap(bench.badge());
      const before = bench.trust.now(bench.clock.nowMs());
      bench.gatewayIsAheadBy(ms);
      await bench.pass(301_000);
      expect(bench.relay.position()).toBe("closed");
      expect(bench.trust.now(bench.clock.nowMs())).toBeGreaterThanOrEqual(before + 300_000);
      const isBelieved = ms > 0 && ms <= DAY_MS;
      expect(bench.trust.clock.state).toBe(isBelieved ? "synced" : "untrusted");
      await bench.tap(bench.badge());
      expect(bench.relay.position()).toBe("open");
    });
  }

  test("R16: in every state of the clock a use lasts its time, and no less", async () => {
    for (const start of [withClocks, inHoldover]) {
      const { bench, systemJumps } = await start();
      await bench.tap(bench.badge());
      systemJumps(YEARS_MS);
      await bench.pass(890_000);
      expect(bench.relay.position()).toBe("closed");
      await bench.pass(11_000);
      expect(bench.relay.position()).toBe("open");
    }
  });
});

describe("R17: a clock that nobody confirmed", () => {
  const refuse = { untrustedClock: "refuse" } as const;

  test("R17: boot at 1970 without a word of the gateway: the machine's rule decides, and its first word mends it", async () => {
    const bench = await startBench({ policy: refuse });
    await bench.cutPower({ offline: true });
    bench.trust.setClock(withBatteryClock(bench.trust.clock, 0, bench.clock.nowMs()));
    await bench.tap(bench.badge());
    expect([bench.screen.code, bench.relay.closures]).toEqual(["CLOCK_UNTRUSTED", 0]);
    bench.uplink.connect();
    await settle();
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R17: a battery clock that is right carries a machine that demands confirmed time over a power cut", async () => {
    const { bench } = await inHoldover();
    await bench.tap(bench.badge());
    expect(bench.relay.position()).toBe("closed");
  });

  test("R17: the use that runs when the clock loses its trust goes on; the next tap is judged by the machine's rule", async () => {
    const bench = await startBench({ policy: refuse });
    bench.uplink.connect();
    await settle();
    await bench.tap(bench.badge());
    bench.gatewayIsAheadBy(-DAY_MS);
    await bench.pass(301_000);
    expect([bench.relay.position(), bench.trust.clock.state]).toEqual(["closed", "untrusted"]);
    await bench.tap(bench.badge());
    await bench.tap(bench.badge());
    expect([bench.relay.position(), bench.screen.code]).toEqual(["open", "CLOCK_UNTRUSTED"]);
  });

  test("R17: what is kept of the time is what was signed and powered-on time, whatever the battery clock says", async () => {
    const { bench } = await inHoldover();
    const kept = bench.store.clock.floorAt;
    bench.trust.setClock({ ...bench.trust.clock, batteryAheadMs: 300 * DAY_MS });
    await bench.pass(600_000);
    expect(bench.store.clock.floorAt - kept).toBeLessThan(HOUR_MS);
  });
});
