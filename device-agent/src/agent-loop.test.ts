import { machinePolicySchema } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import type { AgentDeps } from "./agent-deps.js";
import { Loop, type LoopEvent } from "./agent-loop.js";
import type { Candidate } from "./interlock/interlock-state.js";
import { fakeClock, settle } from "./testing/fake-clock.js";
import { fakeRelay } from "./testing/fake-relay.js";
import { silentLog } from "./testing/silent-log.js";

const pins = { emergencyStop: 9, tamper: 10, endButton: 11, busy: 12, problemButton: 13 } as const;
const policy = machinePolicySchema.parse({
  name: "Laser",
  handover: "free",
  wiring: { inputs: Object.fromEntries(Object.entries(pins).map(([input, pin]) => [input, { pin }])) },
});
const lockout = { reason: "lens cracked", by: "staff-1", at: 0 };
const session = new Uint8Array(8);

function candidate(key: string): Candidate {
  const holder = {
    key,
    issuer: new Uint8Array(4),
    statusIndex: 1,
    badge: new Uint8Array(8),
    grants: [],
    assurance: 1 as const,
  };
  const id = new TextEncoder().encode(key.padEnd(8));
  return { session: id, holder, needsSupervision: false, maySupervise: false, isSteward: false, waived: [] };
}

const tap = (key: string): LoopEvent => ({ kind: "tapAccepted", candidate: candidate(key), cardPresent: true });
const contact = (input: keyof typeof pins, active: boolean): LoopEvent => ({
  kind: "inputChanged",
  input,
  active,
  session,
});

/** What must win over a start that is being noted down. */
const opening: readonly (readonly [string, LoopEvent])[] = [
  ["the emergency stop", contact("emergencyStop", true)],
  ["an open housing", contact("tamper", true)],
  ["the end button", contact("endButton", true)],
  ["the end button on the screen", { kind: "endPressed" }],
  ["staff who end it", { kind: "endOrdered", by: "staff-1", command: 1 }],
  ["out of service now", { kind: "outOfServiceSet", when: "now", lockout }],
  ["a relay that hangs", { kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow" }],
  ["the agent's own end", { kind: "stopped" }],
];
/** What may lie in the queue before it. */
const harmless: readonly (readonly [string, LoopEvent])[] = [
  ["nothing else", { kind: "policyChanged" }],
  ["a tick", { kind: "tick" }],
  ["the machine running", contact("busy", true)],
  ["somebody else's card", tap("b")],
  ["a refused card", { kind: "tapRefused", key: "c" }],
  ["a fault that waits", { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }],
  ["the problem button", contact("problemButton", true)],
];
type Moment = "with the tap" | "while it is noted down" | "as the commit arrives";
const moments: readonly Moment[] = ["with the tap", "while it is noted down", "as the commit arrives"];

function setUp() {
  const clock = fakeClock();
  const relay = fakeRelay(() => clock.nowMs());
  let progress = 0;
  let commit: () => void = () => undefined;
  let committed: Promise<void> = Promise.resolve();
  const deps = { clock, scheduler: clock, relay, log: silentLog(), onProgress: () => (progress += 1) };
  const loop = new Loop(deps as unknown as AgentDeps, {
    policy: () => policy,
    remember: () => committed,
    afterStep: () => undefined,
    whileUnused: () => Promise.resolve(),
  });
  return {
    clock,
    relay,
    loop,
    get progress() {
      return progress;
    },
    stall: () => (committed = new Promise((resolve) => (commit = resolve))),
    commit: () => commit(),
    async begin(): Promise<void> {
      void loop.submit({ kind: "started", faults: [] });
      for (const input of Object.keys(pins)) void loop.submit(contact(input as keyof typeof pins, false));
      await settle();
    },
  };
}

describe("R2: what is queued and opens is heard before the relay closes", () => {
  test("the same taps without it do close the relay", async () => {
    for (const [, first] of harmless) {
      const bench = setUp();
      await bench.begin();
      void bench.loop.submit(tap("a"));
      void bench.loop.submit(first);
      await settle();
      expect([bench.relay.position(), bench.relay.closures]).toEqual(["closed", 1]);
    }
  });

  for (const [what, event] of opening) {
    for (const moment of moments) {
      test(`R2: ${what}, told ${moment}, leaves it open, whatever is queued before`, async () => {
        for (const [, first] of harmless) {
          const bench = setUp();
          await bench.begin();
          void bench.stall();
          const started = bench.loop.submit(tap("a"));
          const tell = () => [bench.loop.submit(first), bench.loop.submit(event)];
          let told = moment === "with the tap" ? tell() : [];
          await settle();
          if (moment === "while it is noted down") told = tell();
          if (moment === "while it is noted down") await settle();
          bench.commit();
          if (moment === "as the commit arrives") told = tell();
          bench.commit();
          await bench.clock.advance(600);
          expect(bench.relay.closures).toBe(0);
          const applied = await started;
          expect(applied?.closedMs).toBeUndefined();
          expect(applied?.after).toBe((await told[1])?.after);
        }
      });
    }
  }
});

describe("R2: a handover that is being noted down keeps nothing waiting that opens the relay", () => {
  async function handingOver() {
    const bench = setUp();
    await bench.begin();
    void bench.loop.submit(tap("a"));
    await settle();
    void bench.stall();
    void bench.loop.submit(tap("b"));
    return bench;
  }

  for (const [what, event] of opening) {
    test(`R2: ${what} opens it at once`, async () => {
      const bench = await handingOver();
      await settle();
      expect(bench.relay.position()).toBe("closed");
      void bench.loop.submit(event);
      await settle();
      expect([bench.relay.position(), bench.relay.closures]).toEqual(["open", 1]);
    });
  }

  test("R8: it ends where the log does not answer in time", async () => {
    const bench = await handingOver();
    await bench.clock.advance(249);
    expect(bench.relay.position()).toBe("closed");
    await bench.clock.advance(2);
    expect([bench.relay.position(), bench.loop.state.kind]).toEqual(["open", "faulted"]);
  });
});

describe("R9: progress", () => {
  test("R9: is told for steps that came in time, not for one that came late", async () => {
    const bench = setUp();
    await bench.begin();
    bench.loop.startTicking();
    await bench.clock.advance(1_500);
    const before = bench.progress;
    expect(before).toBeGreaterThanOrEqual(10);
    const late = bench.clock.nowMs() + 5_000;
    const { nowMs } = bench.clock;
    bench.clock.nowMs = () => late;
    void bench.loop.submit({ kind: "policyChanged" });
    await settle();
    expect(bench.progress).toBe(before);
    bench.clock.nowMs = nowMs.bind(bench.clock);
    await bench.clock.advance(1_500);
    expect(bench.progress).toBeGreaterThan(before + 8);
  });

  test("R9: a relay that hangs and a journal that stalls do not starve it", async () => {
    const bench = setUp();
    await bench.begin();
    bench.loop.startTicking();
    void bench.stall();
    bench.relay.hang();
    void bench.loop.submit(tap("a"));
    await bench.clock.advance(1_000);
    const before = bench.progress;
    for (let second = 0; second < 10; second++) {
      const then = bench.progress;
      await bench.clock.advance(1_000);
      expect(bench.progress).toBeGreaterThan(then);
    }
    expect(bench.progress - before).toBeGreaterThan(20);
  });
});
