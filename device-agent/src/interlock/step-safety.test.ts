import type { Lockout, MachinePolicyInput } from "@badgekey/shared";
import { expect, test } from "vitest";
import { type Row, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";
import { STARTING } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

const lockout: Lockout = { reason: "lens cracked", by: "staff-1", at: 0 };
const tick = { kind: "tick" } as const;
const lockNow = { kind: "outOfServiceSet", when: "now", lockout } as const;
const lockWhenFree = { kind: "outOfServiceSet", when: "whenFree", lockout } as const;
const release = { kind: "outOfServiceCleared", by: "staff-1" } as const;
const weld = { kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow" } as const;
const lostReader = { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" } as const;
const withdrawn = { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" } as const;
const start = "+startButton";
const end = { kind: "endPressed" } as const;

const short: Partial<MachinePolicyInput> = { session: { maxSeconds: 100, warnSeconds: 20 } };
const hold: Partial<MachinePolicyInput> = { presence: "hold" };
const button: Partial<MachinePolicyInput> = { startButton: true, wiring: wired("startButton") };

const rows: readonly Row[] = [
  {
    title: "what waits for the machine to be free is not put off by extending",
    policy: short,
    moments: [
      [0, "a"],
      [1000, lockWhenFree],
      [81_000, "a"],
    ],
    state: "lockedOut",
    told: ["sessionStarted", "outOfServiceSet lens cracked", "sessionEnded tap"],
  },
  {
    title: "R14: with the reader lost, a card that must stay in is missed much later",
    policy: hold,
    moments: [
      [0, "a"],
      [1_000, { kind: "readerLost" }],
      [122_499, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R14: but it is missed",
    policy: hold,
    moments: [
      [0, "a"],
      [1_000, { kind: "readerLost" }],
      [122_500, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded readerLost"],
  },
  {
    title: "R14: a lost reader waits for the end of the use, and the end button works without it",
    moments: [
      [0, "a"],
      [1_000, lostReader],
      [2_000, end],
      [3_000, "a"],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised READER_LOST", "sessionEnded button", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "R12: out of service waits for the machine to be free",
    moments: [
      [0, "a"],
      [1_000, lockWhenFree],
      [1_001, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "outOfServiceSet lens cracked"],
  },
  {
    title: "R12: now is now",
    moments: [
      [0, "a"],
      [1_000, lockNow],
      [2_000, "b"],
    ],
    state: "lockedOut",
    told: [
      "sessionStarted",
      "outOfServiceSet lens cracked",
      "sessionEnded outOfService",
      "tapRefused MACHINE_OUT_OF_SERVICE",
    ],
  },
  {
    title: "released, it can be used again",
    moments: [
      [0, lockNow],
      [1_000, release],
      [2_000, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["outOfServiceSet lens cracked", "outOfServiceCleared", "sessionStarted"],
  },
  {
    title: "no handover on to a machine that should get free",
    policy: { handover: "free" },
    moments: [
      [0, "a"],
      [1_000, lockWhenFree],
      [2_000, "b"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "outOfServiceSet lens cracked", "tapRefused MACHINE_IN_USE"],
  },
  {
    title: "R12: a welded relay opens at once and stays a fault",
    moments: [
      [0, "a"],
      [1_000, weld],
      [2_000, "a"],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised RELAY_STUCK", "sessionEnded fault RELAY_STUCK", "tapRefused MACHINE_FAULTED"],
  },
  {
    title: "clearing a lockout does not hide the fault, nor the other way round",
    moments: [
      [0, lockNow],
      [1, weld],
      [2, release],
      [3, lockNow],
      [4, { kind: "faultCleared", fault: "RELAY_STUCK" }],
    ],
    state: "lockedOut",
    told: [
      "outOfServiceSet lens cracked",
      "faultRaised RELAY_STUCK",
      "outOfServiceCleared",
      "outOfServiceSet lens cracked",
      "faultCleared RELAY_STUCK",
    ],
  },
  {
    title: "R8: a start that was not logged is aborted",
    moments: [
      [0, "a"],
      [250, { kind: "startNotLogged" }],
    ],
    state: "faulted",
    told: ["sessionStarted", "faultRaised JOURNAL_UNAVAILABLE", "startAborted fault JOURNAL_UNAVAILABLE"],
  },
  {
    title: "R8: nor does one that was not logged end the use of who came after",
    moments: [
      [0, "a"],
      [250, { kind: "startNotLogged", session: new Uint8Array(8) }],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "faultRaised JOURNAL_UNAVAILABLE"],
  },
  {
    title: "R10: a badge withdrawn during its use does not open the relay at once",
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [600_999, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"],
  },
  {
    title: "R10: nor later than its own end, and within ten minutes",
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [601_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"],
  },
  {
    title: "R10: it cannot be extended",
    policy: short,
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [90_000, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded tap"],
  },
  {
    title: "a hold that is lifted gives the time back",
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [2_000, { kind: "badgeStatusChanged", status: "good" }],
      [700_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"],
  },
  {
    title: "whenRevoked grace",
    policy: { whenRevoked: "grace", graceSeconds: 30 },
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [31_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"],
  },
  {
    title: "whenRevoked cutNow",
    policy: { whenRevoked: "cutNow" },
    moments: [
      [0, "a"],
      [1_000, withdrawn],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded withdrawn BADGE_REVOKED"],
  },
  {
    title: "withdrawn before the start button: it never starts",
    policy: button,
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [2_000, start],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded withdrawn BADGE_REVOKED"],
  },
  {
    title: "who may not start any more can still finish",
    moments: [
      [0, "a"],
      [1_000, { kind: "tapRefused", key: "a" }],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "someone else's refused badge finishes nothing",
    moments: [
      [0, "a"],
      [1_000, { kind: "tapRefused", key: "b" }],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "staff end a use from afar",
    moments: [
      [0, "a"],
      [1_000, { kind: "endOrdered", by: "staff-1", command: 3 }],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded command"],
  },
  {
    title: "going down ends the use",
    moments: [
      [0, "a"],
      [1_000, { kind: "stopped" }],
      [2_000, "a"],
    ],
    state: "starting",
    told: ["sessionStarted", "sessionEnded stopped", "tapRefused MACHINE_FAULTED"],
  },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

test("R5: out of service and faults of the last run are in force before anything may start", () => {
  const policy = policyOf();
  const early = live(policy, [], step(STARTING, { kind: "started", atMs: 0, lockout, faults: [] }, policy).state);
  expect(early.state).toMatchObject({ kind: "lockedOut", lockout });
  const raised = step(STARTING, { ...lostReader, atMs: 0 }, policy).state;
  const both = step(raised, { kind: "started", atMs: 1, lockout, faults: ["RELAY_STUCK"] }, policy);
  expect(both.state).toMatchObject({ kind: "faulted", faults: ["RELAY_STUCK", "READER_LOST"], lockout });
});

test("R10, R11: a controlled stop is asked, extraction is not cut", () => {
  const policy = policyOf({ whenRevoked: "controlledStop", graceSeconds: 30, runOn: { seconds: 60 } });
  const { state } = live(policy, [[0, "a"], [1_000, withdrawn]]); // prettier-ignore
  expect(outputsFor(state, policy)).toEqual({ relay: "closed", runOn: true, stop: true });
});
