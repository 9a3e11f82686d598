import type { MachinePolicy } from "@badgekey/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import { candidateOf, policyOf, wired } from "./interlock-fixture.js";
import type { InputName, InterlockEvent, Step } from "./interlock-event.js";
import { type InterlockState, STARTING, blocksOf, sessionOf } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { RUN_ON_OFF, runsOn, stepRunOn } from "./run-on.js";
import { step } from "./step.js";

/** What holds over any life of any machine: SAFETY's rules as properties. */

const RUNS = { numRuns: 400, seed: 20260101 };
const CONTACTS: readonly InputName[] = [
  "busy",
  "feedback",
  "emergencyStop",
  "endButton",
  "startButton",
  "bypassKey",
  "tamper",
  "extraction",
];

const policies: fc.Arbitrary<MachinePolicy> = fc
  .record({
    presence: fc.constantFrom("tap", "hold"),
    startButton: fc.boolean(),
    handover: fc.constantFrom("refuse", "confirm", "free"),
    whenRevoked: fc.constantFrom("finishThenLock", "grace", "controlledStop", "cutNow"),
    graceSeconds: fc.constant(30),
    supervision: fc.record({
      mode: fc.constant("allowed"),
      maxSeconds: fc.constantFrom(0, 60),
      maxTrainees: fc.constantFrom(1, 2),
      whenTrainerLeaves: fc.constantFrom("warn", "finishThenLock"),
    }),
    steward: fc.record({ mayRelease: fc.boolean(), lockAgain: fc.boolean() }),
    session: fc.record({
      maxSeconds: fc.constantFrom(0, 3, 60),
      warnSeconds: fc.constantFrom(0, 1, 100),
      idleSeconds: fc.constantFrom(0, 20),
      overrunSeconds: fc.constantFrom(0, 100),
      extend: fc.boolean(),
    }),
    mode: fc.constantFrom(
      { kind: "enforce" as const },
      { kind: "unrestrictedUntil" as const, until: 1, reason: "open day" },
    ),
    runOn: fc.option(fc.record({ seconds: fc.constant(20), feedback: fc.boolean() }), { nil: undefined }),
    wiring: fc.record({
      output: fc.constantFrom("hold", "pulse"),
      pulseSeconds: fc.constant(2),
      inputs: fc.subarray([...CONTACTS]).map((inputs) => wired(...inputs).inputs),
    }),
  })
  .map(({ runOn, ...input }) => policyOf({ ...input, ...(runOn && { runOn }) }));

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
const lockout = { reason: "service", by: "staff-1", at: 0 };
const people = fc.constantFrom("a", "b", "t", "T", "S");
const contacts = fc.constantFrom(...CONTACTS);
const ids = fc.nat(255).map((id) => Uint8Array.of(0, 0, 0, 0, 0, 0, 1, id));
const happenings: fc.Arbitrary<Bare> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: "tick" } as const) },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant("tapAccepted" as const),
      candidate: fc.tuple(people, fc.nat(255)).map(([key, session]) => candidateOf(key, session)),
      cardPresent: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("inputChanged" as const),
      input: contacts,
      active: fc.boolean(),
      session: ids,
    }),
  },
  fc.record({ kind: fc.constant("inputLost" as const), input: contacts }),
  fc.record({ kind: fc.constant("openTap" as const), session: ids }),
  fc.record({ kind: fc.constant("tapRefused" as const), key: people }),
  fc.constantFrom<Bare>(
    { kind: "started", faults: [] },
    { kind: "cardRemoved" },
    { kind: "endPressed" },
    { kind: "endOrdered", by: "staff-1", command: 1 },
    { kind: "outOfServiceSet", when: "now", lockout },
    { kind: "outOfServiceSet", when: "whenFree", lockout },
    { kind: "outOfServiceCleared", by: "staff-1" },
    { kind: "faultRaised", fault: "STORE_UNREADABLE", severity: "openNow" },
    { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" },
    { kind: "faultCleared", fault: "STORE_UNREADABLE" },
    { kind: "faultCleared", fault: "READER_LOST" },
    { kind: "startNotLogged" },
    { kind: "policyChanged" },
    { kind: "badgeStatusChanged", status: "withdrawn" },
    { kind: "badgeStatusChanged", status: "good" },
    { kind: "readerLost" },
    { kind: "readerBack" },
    { kind: "stopped" },
  ),
);
const lives = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 150, 799, 800, 1_500, 2_000, 15_000, 61_000, 600_000), happenings),
  { maxLength: 50 },
);

interface Seen {
  readonly before: InterlockState;
  readonly event: InterlockEvent;
  readonly after: Step;
  readonly policy: MachinePolicy;
}

/** Lives through the events, after every contact has told that it is inactive, and shows each step to `look`. */
function watch(
  policy: MachinePolicy,
  life: readonly (readonly [number, Bare])[],
  look: (seen: Seen) => void,
  firstMs = 0,
): InterlockState {
  let atMs = firstMs;
  let state = step(STARTING, { kind: "started", atMs, faults: [] }, policy).state;
  for (const input of CONTACTS) {
    state = step(state, { kind: "inputChanged", atMs, input, active: false, session: new Uint8Array(8) }, policy).state;
  }
  for (const [passed, happening] of life) {
    atMs += passed;
    const event: InterlockEvent = { ...happening, atMs };
    const after = step(state, event, policy);
    look({ before: state, event, after, policy });
    state = after.state;
  }
  return state;
}

/** Asks `holds` after each step of any life. */
function always(holds: (seen: Seen) => void): void {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      watch(policy, life, holds);
    }),
    RUNS,
  );
}

const isClosed = (state: InterlockState, policy: MachinePolicy) => outputsFor(state, policy).relay === "closed";
const closes = ({ before, after, policy }: Seen) => !isClosed(before, policy) && isClosed(after.state, policy);
const opens = ({ before, after, policy }: Seen) => isClosed(before, policy) && !isClosed(after.state, policy);
const contactIn = (state: InterlockState, policy: MachinePolicy, input: InputName) =>
  policy.wiring.inputs[input] &&
  ((state.kind === "pending" ? state.running.sight : state.sight).contacts[input]?.active ?? "unknown");

test("R1: the relay is closed only while exactly one session is open in the log", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      const open = new Set<string>();
      watch(policy, life, ({ after }) => {
        for (const { kind, session } of after.records) {
          if (kind === "sessionStarted") open.add(String(session));
          if (kind === "sessionEnded" || kind === "startAborted") expect(open.delete(String(session))).toBe(true);
        }
        expect(open.size).toBe(sessionOf(after.state) ? 1 : 0);
        if (isClosed(after.state, policy)) expect(open.has(String(sessionOf(after.state)?.id))).toBe(true);
      });
    }),
    RUNS,
  );
});

test("R3: a start permission is no longer than its seconds, and one tap gives no second one", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      let closedMs = 0;
      const used = new Set<string>();
      watch(policy, life, (seen) => {
        if (policy.wiring.output !== "pulse") return;
        const id = String(sessionOf(seen.after.state)?.id);
        if (closes(seen)) expect(used.has(id)).toBe(false);
        if (isClosed(seen.after.state, policy) && !used.has(id)) [closedMs] = [seen.event.atMs, used.add(id)];
        if (seen.event.kind !== "tick" || seen.event.atMs < closedMs + 2_000) return;
        expect(isClosed(seen.after.state, policy)).toBe(false);
      });
    }),
    RUNS,
  );
});

test("R4: nothing closes unless the feedback, where there is one, says open", () => {
  always((seen) => {
    if (closes(seen)) expect([undefined, false]).toContain(contactIn(seen.after.state, seen.policy, "feedback"));
  });
});

test("R5: nothing starts before the marks of the last run are read, and none of its sessions goes on", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      let state: InterlockState = STARTING;
      for (const [index, [, happening]] of life.entries()) {
        if (happening.kind === "started") return;
        state = step(state, { ...happening, atMs: index }, policy).state;
        expect([state.kind, outputsFor(state, policy)]).toEqual([
          "starting",
          { relay: "open", runOn: false, stop: false },
        ]);
      }
    }),
    RUNS,
  );
});

test("R6: the relay closes only by a fresh tap or press, or by what an accepted tap waits for", () => {
  always((seen) => {
    if (!closes(seen)) return;
    const { event, before, after, policy } = seen;
    switch (event.kind) {
      case "tapAccepted":
        return expect(["T", "S", sessionOf(after.state)?.holder?.key]).toContain(event.candidate.holder.key);
      case "openTap":
        return expect(policy.mode.kind).toBe("unrestrictedUntil");
      case "inputChanged":
        if (sessionOf(before)) return expect(before.kind).toBe("armed");
        return expect([event.input, event.active, policy.mode.kind]).toEqual([
          "startButton",
          true,
          "unrestrictedUntil",
        ]);
      default:
        throw new Error(`${event.kind} closed the relay`);
    }
  });
});

test("R7: where a start button is demanded nothing else closes the relay", () => {
  always((seen) => {
    if (!seen.policy.startButton || !closes(seen)) return;
    expect(seen.event).toMatchObject({ kind: "inputChanged", input: "startButton", active: true });
  });
});

test("R8: what closes has been told before or is told now; a start that is not logged ends at once", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      const told = new Set<string>();
      watch(policy, life, ({ event, after }) => {
        for (const { kind, session } of after.records) if (kind === "sessionStarted") told.add(String(session));
        if (isClosed(after.state, policy)) expect(told.has(String(sessionOf(after.state)?.id))).toBe(true);
        if (event.kind !== "startNotLogged") return;
        expect(isClosed(after.state, policy)).toBe(false);
        expect(blocksOf(after.state).faults).toContain("JOURNAL_UNAVAILABLE");
        expect(after.records.some(({ kind }) => kind === "sessionEnded")).toBe(false);
      });
    }),
    RUNS,
  );
});

test("R10, R12, R14: what opens the relay before its time is a wish, a withdrawal that cuts, or an emergency", () => {
  const wishes = [
    "tapAccepted",
    "tapRefused",
    "openTap",
    "endPressed",
    "endOrdered",
    "tick",
    "stopped",
    "startNotLogged",
  ];
  always((seen) => {
    if (!opens(seen) || wishes.includes(seen.event.kind)) return;
    const { event, before, policy } = seen;
    switch (event.kind) {
      case "badgeStatusChanged":
        return expect([event.status, policy.whenRevoked]).toEqual(["withdrawn", "cutNow"]);
      case "faultRaised":
        return expect(event.severity).toBe("openNow");
      case "outOfServiceSet":
        return expect(event.when).toBe("now");
      case "inputChanged":
        if (event.input === "startButton") return expect(sessionOf(before)?.holder).toBeUndefined();
        // A contact read closed since the permission ended is noticed by whatever comes next.
        return expect(["endButton", "emergencyStop", "tamper"]).toContain(event.input);
      default:
        throw new Error(`${event.kind} opened the relay`);
    }
  });
});

test("R10: no time but the hard cap, a grace or the holder's own removal ends the use of a machine that may be busy", () => {
  always((seen) => {
    const { event, before, after, policy } = seen;
    const busy = contactIn(before, policy, "busy");
    if (event.kind !== "tick" || busy === undefined || busy === false) return;
    const reason = after.records.find(({ kind }) => kind === "sessionEnded")?.reason;
    if (reason === undefined || sessionOf(before) === undefined || before.kind === "armed") return;
    expect(["time", "withdrawn", "removal", "readerLost", "fault"]).toContain(reason);
    const running = before.kind === "pending" ? before.running : before;
    if (running.kind !== "active") throw new Error(running.kind);
    if (reason === "time") {
      expect(event.atMs).toBeGreaterThanOrEqual((running.endsMs ?? Infinity) + policy.session.overrunSeconds * 1000);
    }
    if (reason === "withdrawn") expect(["grace", "controlledStop"]).toContain(policy.whenRevoked);
  });
});

test("R11: nothing closes without the extraction's feedback where it is demanded, and the extraction outlasts the relay", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      let runOn = RUN_ON_OFF;
      let openedMs = 0;
      watch(policy, life, (seen) => {
        const { event, after } = seen;
        if (closes(seen) && policy.runOn?.feedback) expect(contactIn(after.state, policy, "extraction")).toBe(true);
        runOn = stepRunOn(runOn, { wanted: outputsFor(after.state, policy).runOn, atMs: event.atMs }, policy);
        if (opens(seen)) openedMs = event.atMs;
        if (isClosed(after.state, policy)) expect(runsOn(runOn)).toBe(policy.runOn !== undefined);
        else if (policy.runOn && openedMs > 0 && event.atMs - openedMs < 20_000) expect(runsOn(runOn)).toBe(true);
      });
    }),
    RUNS,
  );
});

test("R12: a lockout or a fault is in force, or waits for the end of a use, until it is cleared", () => {
  always(({ before, event, after }) => {
    const [was, is] = [blocksOf(before), blocksOf(after.state)];
    const told = (kind: string, code?: string) =>
      after.records.some((record) => record.kind === kind && (code === undefined || record.code === code));
    if (was.lockout && !is.lockout) expect(told("outOfServiceCleared")).toBe(true);
    for (const fault of was.faults) {
      if (!is.faults.includes(fault)) expect(told("faultCleared", fault)).toBe(true);
    }
    if (event.kind === "outOfServiceSet") expect(is.lockout).toBeDefined();
    if (after.state.kind === "idle") expect(is).toEqual({ faults: [] });
  });
});

test("R13: pressed, the emergency stop ends every use; after it a tap resets, and only a further one starts", () => {
  always(({ before, event, after, policy }) => {
    if (contactIn(after.state, policy, "emergencyStop") === true) {
      expect(sessionOf(after.state)).toBeUndefined();
      expect(isClosed(after.state, policy)).toBe(false);
    }
    if (!blocksOf(before).faults.includes("EMERGENCY_STOP")) return;
    expect(sessionOf(after.state)).toBeUndefined();
    if (blocksOf(after.state).faults.includes("EMERGENCY_STOP")) return;
    expect(["tapAccepted", "openTap"]).toContain(event.kind);
  });
});

test("R14: what the reader does ends no use at once, and the end button ends every one", () => {
  always(({ before, event, after }) => {
    if (event.kind === "readerLost" || event.kind === "readerBack" || event.kind === "cardRemoved") {
      expect(sessionOf(after.state)?.id).toBe(sessionOf(before)?.id);
    }
    if (event.kind === "endPressed" || event.kind === "endOrdered") expect(sessionOf(after.state)).toBeUndefined();
  });
});

test("R16: only differences of monotonic time count", () => {
  fc.assert(
    fc.property(policies, lives, fc.integer({ min: 1, max: 1e9 }), (policy, life, shift) => {
      const lineOf = (firstMs: number): readonly unknown[] => {
        const line: unknown[] = [];
        watch(
          policy,
          life,
          ({ after }) => line.push([after.state.kind, after.records, isClosed(after.state, policy)]),
          firstMs,
        );
        return line;
      };
      expect(lineOf(shift)).toEqual(lineOf(0));
    }),
    { ...RUNS, numRuns: 150 },
  );
});

test("a state is never changed in place", () => {
  fc.assert(
    fc.property(policies, lives, (policy, life) => {
      const frozen = (value: unknown): void => {
        if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
        Object.freeze(value);
        Object.values(value).forEach(frozen);
      };
      watch(policy, life, ({ after }) => {
        frozen(after.state);
      });
    }),
    { ...RUNS, numRuns: 150 },
  );
});
