import type { MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type Row, eventOf, live, outcomeOf, policyOf, startedUnder, toldBy, wired } from "./interlock-fixture.js";
import type { InputName } from "./interlock-event.js";
import { type InterlockState, STARTING, blocksOf, sightOf } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

/** What the machine's contacts do to a use, on their own and together. */

const tick = { kind: "tick" } as const;
const lost = (input: InputName) => ({ kind: "inputLost", input }) as const;
const estop: Partial<MachinePolicyInput> = { wiring: wired("emergencyStop") };
const tamper: Partial<MachinePolicyInput> = { wiring: wired("tamper") };
const feedback: Partial<MachinePolicyInput> = { wiring: wired("feedback") };

const rows: readonly Row[] = [
  {
    title: "R13: the emergency stop ends the use at once",
    policy: estop,
    moments: [
      [0, "a"],
      [1_000, "+emergencyStop"],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised EMERGENCY_STOP", "sessionEnded fault EMERGENCY_STOP"],
  },
  {
    title: "R13: while it is pressed a tap does nothing",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, "a"],
    ],
    state: "faulted",
    told: ["faultRaised EMERGENCY_STOP", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "R13: releasing it resets nothing",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, "-emergencyStop"],
      [60_000, tick],
    ],
    state: "faulted",
    told: ["faultRaised EMERGENCY_STOP"],
  },
  {
    title: "R13: a tap resets it and starts nothing",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, "-emergencyStop"],
      [2_000, "a"],
    ],
    state: "idle",
    told: ["faultRaised EMERGENCY_STOP", "faultCleared EMERGENCY_STOP"],
  },
  {
    title: "R13: nor does a bounce of that tap start anything",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, "-emergencyStop"],
      [2_000, "a"],
      [2_799, "a"],
    ],
    state: "idle",
    told: ["faultRaised EMERGENCY_STOP", "faultCleared EMERGENCY_STOP"],
  },
  {
    title: "R13: a further tap starts",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, "-emergencyStop"],
      [2_000, "a"],
      [2_800, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["faultRaised EMERGENCY_STOP", "faultCleared EMERGENCY_STOP", "sessionStarted"],
  },
  {
    title: "R13: what staff clear while it is pressed is raised again",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [1_000, { kind: "faultCleared", fault: "EMERGENCY_STOP", by: "staff-1" }],
      [1_150, tick],
    ],
    state: "faulted",
    told: ["faultRaised EMERGENCY_STOP", "faultCleared EMERGENCY_STOP", "faultRaised EMERGENCY_STOP"],
  },
  {
    title: "R13: a reset leaves the lockout in force",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [10, { kind: "outOfServiceSet", when: "now", lockout: { reason: "lens", by: "staff-1", at: 0 } }],
      [1_000, "-emergencyStop"],
      [2_000, "a"],
    ],
    state: "lockedOut",
    told: ["faultRaised EMERGENCY_STOP", "outOfServiceSet lens", "faultCleared EMERGENCY_STOP"],
  },
  {
    title: "R13: a reset leaves other faults in force",
    policy: estop,
    moments: [
      [0, "+emergencyStop"],
      [10, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }],
      [1_000, "-emergencyStop"],
      [2_000, "a"],
      [3_000, "a"],
    ],
    state: "faulted",
    told: [
      "faultRaised EMERGENCY_STOP",
      "faultRaised READER_LOST",
      "faultCleared EMERGENCY_STOP",
      "tapRefused MACHINE_FAULTED",
    ],
  },
  {
    title: "R12: an open housing opens at once, and closing it again mends nothing",
    policy: tamper,
    moments: [
      [0, "a"],
      [1_000, "+tamper"],
      [2_000, "-tamper"],
      [3_000, "a"],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised TAMPER", "sessionEnded fault TAMPER", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "R4: read closed while commanded open is a fault after 200 ms, not before",
    policy: feedback,
    moments: [
      [0, "+feedback"],
      [200, tick],
    ],
    state: "idle",
    told: [],
  },
  {
    title: "R4: read closed for over 200 ms while commanded open is a fault",
    policy: feedback,
    moments: [
      [0, "+feedback"],
      [201, tick],
    ],
    state: "faulted",
    told: ["faultRaised RELAY_STUCK"],
  },
  {
    title: "R4: closed is what it should read during a use",
    policy: feedback,
    moments: [
      [0, "a"],
      [10, "+feedback"],
      [60_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R4: after a use it has 200 ms to open",
    policy: feedback,
    moments: [
      [0, "a"],
      [10, "+feedback"],
      [5_000, "a"],
      [5_200, tick],
      [5_201, "-feedback"],
      [9_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "R4: and no more",
    policy: feedback,
    moments: [
      [0, "a"],
      [10, "+feedback"],
      [5_000, "a"],
      [5_201, tick],
    ],
    state: "faulted",
    told: ["sessionStarted", "sessionEnded tap", "faultRaised RELAY_STUCK"],
  },
  {
    title: "R4: a contact that has not opened yet lets nobody start, and is no fault yet",
    policy: feedback,
    moments: [
      [0, "a"],
      [10, "+feedback"],
      [5_000, "a"],
      [5_100, "b"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "R4: at a tap a contact long read closed is a fault at once",
    policy: feedback,
    moments: [
      [0, "+feedback"],
      [5_000, "a"],
    ],
    state: "faulted",
    told: ["faultRaised RELAY_STUCK", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "R4: a start permission that does not open again ends the use",
    policy: { wiring: { output: "pulse", pulseSeconds: 10, ...wired("feedback") } },
    moments: [
      [0, "a"],
      [10, "+feedback"],
      [10_000, tick],
      [10_201, tick],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised RELAY_STUCK", "sessionEnded fault RELAY_STUCK"],
  },
  {
    title: "R4: feedback that nobody knows proves nothing",
    policy: feedback,
    moments: [
      [0, lost("feedback")],
      [1, { kind: "faultCleared", fault: "INPUT_FAILED" }],
      [1_000, "a"],
    ],
    state: "idle",
    told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "an emergency stop that nobody knows counts as pressed",
    policy: estop,
    moments: [
      [0, lost("emergencyStop")],
      [1, { kind: "faultCleared", fault: "INPUT_FAILED" }],
      [1_000, "a"],
    ],
    state: "idle",
    told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "a contact that is lost waits for the end of the use",
    policy: estop,
    moments: [
      [0, "a"],
      [1_000, lost("emergencyStop")],
      [2_000, { kind: "endPressed" }],
      [3_000, "b"],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised INPUT_FAILED", "sessionEnded button", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "lost twice is one fault, and gone once it tells again",
    policy: estop,
    moments: [
      [0, lost("emergencyStop")],
      [1, lost("emergencyStop")],
      [2, "-emergencyStop"],
      [1_000, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED", "sessionStarted"],
  },
  {
    title: "of two lost contacts both must tell again",
    policy: { wiring: wired("emergencyStop", "feedback") },
    moments: [
      [0, lost("emergencyStop")],
      [1, lost("feedback")],
      [2, "-emergencyStop"],
    ],
    state: "faulted",
    told: ["faultRaised INPUT_FAILED"],
  },
  {
    title: "a contact that tells again what it told before is back, too",
    policy: { wiring: wired("emergencyStop", "busy") },
    moments: [
      [0, "-emergencyStop"],
      [1, lost("busy")],
      [2, "-emergencyStop"],
      [3, "+busy"],
    ],
    state: "idle",
    told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED"],
  },
  {
    title: "a contact that is not wired is lost on nobody",
    moments: [
      [0, lost("tamper")],
      [1, "+emergencyStop"],
      [2, "+tamper"],
      [3, "+endButton"],
      [1_000, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

describe("before a contact has told anything", () => {
  const unheard = (input: InputName, more: Partial<MachinePolicyInput> = {}): InterlockState => {
    const policy = policyOf({ ...more, wiring: wired(input) });
    const { state } = step(STARTING, { kind: "started", atMs: 0, faults: [] }, policy);
    return step(state, eventOf([1_000, "a"]), policy).state;
  };

  test.each<[InputName, string]>([
    ["feedback", "idle"],
    ["emergencyStop", "idle"],
    ["tamper", "idle"],
    ["busy", "active"],
    ["endButton", "active"],
    ["bypassKey", "active"],
  ])("R6: %s: a tap makes it %s", (input, kind) => {
    expect(unheard(input).kind).toBe(kind);
  });

  test("R11: an extraction that has not told counts as missing", () => {
    expect(unheard("extraction", { runOn: { seconds: 60, feedback: true } })).toMatchObject({ waitsFor: "extraction" });
    expect(unheard("extraction", { runOn: { seconds: 60 } }).kind).toBe("active");
  });
});

describe("a new policy", () => {
  test("a contact that is wired again has to tell anew", () => {
    const [was, without] = [policyOf(estop), policyOf()];
    const unwired = step(startedUnder(was), { kind: "policyChanged", atMs: 1 }, without).state;
    expect(sightOf(unwired).contacts).toEqual({});
    const again = live(was, [[2, { kind: "policyChanged" }], [1_000, "a"]], unwired); // prettier-ignore
    expect(toldBy(again)).toEqual(["tapRefused MACHINE_FAULTED"]);
  });

  test("a lost contact that is not wired any more is nobody's trouble", () => {
    const state = step(startedUnder(policyOf(estop)), { ...lost("emergencyStop"), atMs: 1 }, policyOf(estop)).state;
    const { state: next, records } = step(state, { kind: "policyChanged", atMs: 2 }, policyOf());
    expect(blocksOf(next).faults).toEqual([]);
    expect(records).toEqual([{ kind: "faultCleared", code: "INPUT_FAILED" }]);
  });

  test("what is wired as before is known as before", () => {
    const policy = policyOf(estop);
    const state = startedUnder(policy);
    expect(step(state, { kind: "policyChanged", atMs: 1 }, policy).state).toEqual(state);
  });
});

test("R4: what matters is how long the relay has been commanded open", () => {
  const policy = policyOf(feedback);
  const { state } = live(policy, [[0, "+feedback"], [100, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }]]); // prettier-ignore
  expect(sightOf(state)).toMatchObject({ openSinceMs: 0 });
  const used = live(policy, [[1_000, "a"]]); // prettier-ignore
  expect(sightOf(used.state).openSinceMs).toBeUndefined();
  expect(outputsFor(used.state, policy).relay).toBe("closed");
});
