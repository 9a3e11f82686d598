import type { MachinePolicy, MachinePolicyInput } from "@badgekey/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import { candidateOf, policyOf } from "./interlock-fixture.js";
import type { InterlockEvent, Step } from "./interlock-event.js";
import { type InterlockState, STARTING, blocksOf, sessionOf } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

const RUNS = { numRuns: 1_000, seed: 20260101 };

const policies: fc.Arbitrary<MachinePolicy> = fc
  .record({
    presence: fc.constantFrom("tap", "hold"),
    startButton: fc.boolean(),
    handover: fc.constantFrom("refuse", "confirm", "free"),
    whenRevoked: fc.constantFrom("finishThenLock", "grace", "controlledStop", "cutNow"),
    session: fc.record({
      maxSeconds: fc.constantFrom(0, 3, 60),
      warnSeconds: fc.constantFrom(0, 1, 100),
      extend: fc.boolean(),
    }),
    wiring: fc.record({
      output: fc.constantFrom("hold", "pulse"),
      pulseSeconds: fc.constant(2),
      inputs: fc.constant({ startButton: { pin: 20 } }),
    }),
  })
  .map((input) => policyOf(input as Partial<MachinePolicyInput>));

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
const lockout = { reason: "service", by: "staff-1", at: 0 };
const holders = fc.constantFrom("a", "b", "c");
const happenings: fc.Arbitrary<Bare> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: "tick" } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("tapAccepted" as const),
      candidate: fc.tuple(holders, fc.nat(255)).map(([key, session]) => candidateOf(key, session)),
      cardPresent: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant("tapRefused" as const), key: holders }),
  fc.constantFrom<Bare>(
    { kind: "started", faults: [] },
    { kind: "cardRemoved" },
    { kind: "inputChanged", input: "startButton", active: true, session: new Uint8Array(8) },
    { kind: "inputChanged", input: "startButton", active: false, session: new Uint8Array(8) },
    { kind: "endPressed" },
    { kind: "endOrdered", by: "staff-1", command: 1 },
    { kind: "outOfServiceSet", when: "now", lockout },
    { kind: "outOfServiceSet", when: "whenFree", lockout },
    { kind: "outOfServiceCleared", by: "staff-1" },
    { kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow" },
    { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" },
    { kind: "faultCleared", fault: "RELAY_STUCK" },
    { kind: "faultCleared", fault: "READER_LOST" },
    { kind: "startNotLogged" },
    { kind: "policyChanged" },
    { kind: "badgeStatusChanged", status: "withdrawn" },
    { kind: "badgeStatusChanged", status: "good" },
    { kind: "readerLost" },
    { kind: "stopped" },
  ),
);
const lives = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 150, 799, 800, 1_500, 2_000, 15_000, 61_000, 600_000), happenings),
  {
    maxLength: 40,
  },
);

/** Lives through the events and shows each step to `look`. */
function watch(
  policy: MachinePolicy,
  life: readonly (readonly [number, Bare])[],
  look: (seen: { before: InterlockState; event: InterlockEvent; after: Step }) => void,
): void {
  let atMs = 0;
  let state = step(STARTING, { kind: "started", atMs, faults: [] }, policy).state;
  for (const [passed, happening] of life) {
    atMs += passed;
    const event: InterlockEvent = { ...happening, atMs };
    const after = step(state, event, policy);
    look({ before: state, event, after });
    state = after.state;
  }
}

const isClosed = (state: InterlockState, policy: MachinePolicy) => outputsFor(state, policy).relay === "closed";

test("the relay is closed only while exactly one session is open in the log", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      const open = new Map<string, true>();
      watch(policy, life, ({ after }) => {
        for (const { kind, session } of after.records) {
          const id = String(session);
          if (kind === "sessionStarted") open.set(id, true);
          if (kind === "sessionEnded" || kind === "startAborted") expect(open.delete(id)).toBe(true);
        }
        expect(open.size).toBe(sessionOf(after.state) ? 1 : 0);
        if (isClosed(after.state, policy)) expect(open.has(String(sessionOf(after.state)?.id))).toBe(true);
      });
    }),
    RUNS,
  );
});

test("R6: the relay closes only by a fresh accepted tap, or by the start button after one", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      watch(policy, life, ({ before, event, after }) => {
        if (isClosed(before, policy) || !isClosed(after.state, policy)) return;
        const byTap =
          event.kind === "tapAccepted" && sessionOf(after.state)?.holder?.key === event.candidate.holder.key;
        const byButton = event.kind === "inputChanged" && event.input === "startButton" && before.kind === "armed";
        expect(byTap || byButton).toBe(true);
      });
    }),
    RUNS,
  );
});

test("R5: nothing starts before the marks of the last run are read, and none of its sessions goes on", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      let state: InterlockState = STARTING;
      for (const [index, [, happening]] of life.entries()) {
        if (happening.kind === "started") return;
        state = step(state, { ...happening, atMs: index }, policy).state;
        expect([state.kind, outputsFor(state, policy).relay]).toEqual(["starting", "open"]);
      }
    }),
    RUNS,
  );
});

test("R10, R12: what opens the relay before its time is a wish, a withdrawal the policy cuts, or one of four reasons", () => {
  const wishes = new Set([
    "tapAccepted",
    "tapRefused",
    "endPressed",
    "endOrdered",
    "tick",
    "stopped",
    "startNotLogged",
  ]);
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      watch(policy, life, ({ before, event, after }) => {
        if (!isClosed(before, policy) || isClosed(after.state, policy) || wishes.has(event.kind)) return;
        switch (event.kind) {
          case "badgeStatusChanged":
            return expect(policy.whenRevoked).toBe("cutNow");
          case "faultRaised":
            return expect(event.severity).toBe("openNow");
          case "outOfServiceSet":
            return expect(event.when).toBe("now");
          default:
            throw new Error(`${event.kind} opened the relay`);
        }
      });
    }),
    RUNS,
  );
});

test("R12: a lockout or a fault is in force, or waits for the end of a use, until it is cleared", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      const faults = new Set<string>();
      let locked = false;
      watch(policy, life, ({ event, after }) => {
        if (event.kind === "faultRaised") faults.add(event.fault);
        if (event.kind === "startNotLogged") faults.add("JOURNAL_UNAVAILABLE");
        if (event.kind === "faultCleared") faults.delete(event.fault);
        if (event.kind === "outOfServiceSet") locked = true;
        if (event.kind === "outOfServiceCleared") locked = false;
        expect(new Set(blocksOf(after.state).faults)).toEqual(faults);
        expect(blocksOf(after.state).lockout !== undefined).toBe(locked);
      });
    }),
    RUNS,
  );
});

test("R16: only differences of monotonic time count", () => {
  fc.assert(
    fc.property(policies, lives, fc.integer({ min: -1e9, max: 1e12 }), (policy, life, shift) => {
      let [one, two]: InterlockState[] = [STARTING, STARTING];
      let atMs = 0;
      for (const [passed, happening] of [[0, { kind: "started", faults: [] }] as const, ...life]) {
        atMs += passed;
        const here = step(one as InterlockState, { ...happening, atMs }, policy);
        const there = step(two as InterlockState, { ...happening, atMs: atMs + shift }, policy);
        expect(there.records).toEqual(here.records);
        expect(there.state.kind).toBe(here.state.kind);
        [one, two] = [here.state, there.state];
      }
    }),
    RUNS,
  );
});

test("a state is never changed in place", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      watch(policy, life, ({ before, event }) => {
        const copy = structuredClone(before);
        step(before, event, policy);
        expect(before).toEqual(copy);
      });
    }),
    { ...RUNS, numRuns: 200 },
  );
});
