import type { FaultCode, MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { blockOf } from "./block-of.js";
import { type Row, candidateOf, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";
import { STARTING, holderKeyOf, sessionOf } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

/** Extraction, stewards, machines that only watch and machines that are open to everyone. */

const tick = { kind: "tick" } as const;
const away = { kind: "cardRemoved" } as const;
const end = { kind: "endPressed" } as const;
const lockout = { reason: "lens", by: "staff-1", at: 0 };
const lockNow = { kind: "outOfServiceSet", when: "now", lockout } as const;
const lockWhenFree = { kind: "outOfServiceSet", when: "whenFree", lockout } as const;
const release = { kind: "outOfServiceCleared", by: "staff-2", command: 7 } as const;
const weld = { kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow" } as const;
const open = { kind: "openTap", session: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7) } as const;
const mode = { kind: "unrestrictedUntil", until: 1, reason: "open day" } as const;
const extraction: Partial<MachinePolicyInput> = { runOn: { seconds: 60, feedback: true }, wiring: wired("extraction") };
const lockAgain: Partial<MachinePolicyInput> = { steward: { lockAgain: true } };
const everyone: Partial<MachinePolicyInput> = { mode, wiring: wired("startButton", "emergencyStop") };

// prettier-ignore
const rows: readonly Row[] = [
  { title: "R11: the relay waits for the extraction", policy: extraction, moments: [[0, "a"], [9_999, tick]], state: "armed extraction", told: ["sessionStarted"] },
  { title: "R11: and closes when it runs", policy: extraction, moments: [[0, "a"], [9_999, "+extraction"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R11: it runs already", policy: extraction, moments: [[0, "+extraction"], [1_000, "a"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R11: it does not run: nothing starts", policy: extraction, moments: [[0, "a"], [10_000, tick]], state: "faulted", told: ["sessionStarted", "faultRaised EXTRACTION_MISSING", "sessionEnded fault EXTRACTION_MISSING"] },
  { title: "R11: the next tap tries again", policy: extraction, moments: [[0, "a"], [10_000, tick], [11_000, "a"]], state: "armed extraction", told: ["sessionStarted", "faultRaised EXTRACTION_MISSING", "sessionEnded fault EXTRACTION_MISSING", "faultCleared EXTRACTION_MISSING", "sessionStarted"] },
  { title: "R11: so it does not while there are other faults", policy: extraction, moments: [[0, "a"], [10_000, tick], [10_500, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }], [11_000, "a"]], state: "faulted", told: ["sessionStarted", "faultRaised EXTRACTION_MISSING", "sessionEnded fault EXTRACTION_MISSING", "faultRaised READER_LOST", "tapRefused MACHINE_FAULTED"] },
  { title: "R11: nor while the machine is out of service", policy: extraction, moments: [[0, "a"], [10_000, tick], [10_500, lockNow], [11_000, "a"]], state: "faulted", told: ["sessionStarted", "faultRaised EXTRACTION_MISSING", "sessionEnded fault EXTRACTION_MISSING", "outOfServiceSet lens", "tapRefused MACHINE_FAULTED"] },
  { title: "R11: an extraction that shows that it runs is no fault any more", policy: extraction, moments: [[0, "a"], [10_000, tick], [12_000, "+extraction"]], state: "idle", told: ["sessionStarted", "faultRaised EXTRACTION_MISSING", "sessionEnded fault EXTRACTION_MISSING", "faultCleared EXTRACTION_MISSING"] },
  { title: "R7, R11: first the extraction, then the start button", policy: { ...extraction, startButton: true, wiring: wired("extraction", "startButton") }, moments: [[0, "a"], [1_000, "+startButton"], [1_100, "-startButton"], [2_000, "+extraction"]], state: "armed startButton", told: ["sessionStarted"] },
  { title: "R7, R11: its press closes", policy: { ...extraction, startButton: true, wiring: wired("extraction", "startButton") }, moments: [[0, "a"], [2_000, "+extraction"], [3_000, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R7, R11: not if the extraction has stopped meanwhile", policy: { ...extraction, startButton: true, wiring: wired("extraction", "startButton") }, moments: [[0, "a"], [2_000, "+extraction"], [3_000, "-extraction"], [4_000, "+startButton"], [12_999, tick]], state: "armed extraction", told: ["sessionStarted"] },
  { title: "R7, R11: however often it comes and goes, the start button is waited for a minute in all", policy: { ...extraction, startButton: true, wiring: wired("extraction", "startButton") }, moments: [[0, "a"], [2_000, "+extraction"], [55_000, "-extraction"], [61_000, "+extraction"], [61_001, tick]], state: "idle", told: ["sessionStarted", "sessionEnded notStarted"] },
  { title: "R11: lost in mid-use it is told and cuts nothing", policy: extraction, moments: [[0, "+extraction"], [1_000, "a"], [5_000, "-extraction"], [5_001, tick], [9_000, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned extraction"] },
  { title: "R11: and told anew when it is lost again", policy: extraction, moments: [[0, "+extraction"], [1_000, "a"], [5_000, "-extraction"], [5_001, tick], [6_000, "+extraction"], [6_001, tick], [7_000, "-extraction"], [7_001, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned extraction", "sessionWarned extraction"] },
  { title: "R11: nobody takes over while it is lost", policy: { ...extraction, handover: "free" }, moments: [[0, "+extraction"], [1_000, "a"], [5_000, "-extraction"], [6_000, "b"]], state: "active", relay: "closed", told: ["sessionStarted", "tapRefused MACHINE_FAULTED"] },
  { title: "R11: where its feedback is not demanded it is not waited for", policy: { runOn: { seconds: 60 }, wiring: wired("extraction") }, moments: [[0, "a"], [5_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R7: after a start permission the next one's handover waits for the button", policy: { startButton: true, handover: "free", wiring: { output: "pulse", pulseSeconds: 10, ...wired("startButton") } }, moments: [[0, "a"], [1_000, "+startButton"], [1_100, "-startButton"], [11_000, tick], [12_000, "b"]], state: "armed startButton", told: ["sessionStarted", "sessionEnded handover", "sessionStarted"] },
  { title: "within a start permission it does not open", policy: { startButton: true, handover: "free", wiring: { output: "pulse", pulseSeconds: 10, ...wired("startButton") } }, moments: [[0, "a"], [1_000, "+startButton"], [5_000, "b"]], state: "active", relay: "closed", told: ["sessionStarted", "sessionEnded handover", "sessionStarted"] },
  { title: "R4: a handover after a start permission needs the proof that the relay is open", policy: { handover: "free", wiring: { output: "pulse", pulseSeconds: 10, ...wired("feedback") } }, moments: [[0, "a"], [10_000, tick], [10_100, "+feedback"], [10_200, "b"]], state: "active", told: ["sessionStarted", "tapRefused MACHINE_FAULTED"] },
  { title: "a card that stays in and is out takes nothing over", policy: { presence: "hold", handover: "free" }, moments: [[0, "a"], [1_000, { kind: "tapAccepted", candidate: candidateOf("b"), cardPresent: false }]], state: "active", relay: "closed", told: ["sessionStarted", "tapRefused MACHINE_IN_USE"] },
  { title: "R6: a card that stays in and was gone before it counted closes nothing", policy: { presence: "hold" }, moments: [[0, { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: false }], [1_499, tick]], state: "armed card", told: ["sessionStarted"] },
  { title: "and is missed after its grace", policy: { presence: "hold" }, moments: [[0, { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: false }], [1_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded removal"] },
  { title: "seen gone again while it is waited for, nothing changes", policy: { presence: "hold" }, moments: [[0, { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: false }], [1_000, { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: false }], [1_200, away], [1_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded removal"] },
  { title: "taking a card away means nothing where a tap is enough, armed neither", policy: { startButton: true, wiring: wired("startButton") }, moments: [[0, "a"], [100, away], [2_000, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "armed is not free for others where handovers are refused", policy: { startButton: true, handover: "refuse", wiring: wired("startButton") }, moments: [[0, "a"], [1_000, "b"]], state: "armed startButton", told: ["sessionStarted", "tapRefused MACHINE_IN_USE"] },
  { title: "a steward releases the machine with his card, and starts nothing", moments: [[0, lockNow], [1_000, "S"]], state: "idle", told: ["outOfServiceSet lens", "outOfServiceCleared"] },
  { title: "nor does the bounce of his tap", moments: [[0, lockNow], [1_000, "S"], [1_799, "S"]], state: "idle", told: ["outOfServiceSet lens", "outOfServiceCleared"] },
  { title: "a trainer does not", moments: [[0, lockNow], [1_000, "T"]], state: "lockedOut", told: ["outOfServiceSet lens", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "where stewards may not, he does not", policy: { steward: { mayRelease: false } }, moments: [[0, lockNow], [1_000, "S"]], state: "lockedOut", told: ["outOfServiceSet lens", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "a steward works at what is out of service", policy: lockAgain, moments: [[0, lockNow], [1_000, "S"]], state: "active", relay: "closed", told: ["outOfServiceSet lens", "sessionStarted"] },
  { title: "and it is out of service again once he is done", policy: lockAgain, moments: [[0, lockNow], [1_000, "S"], [5_000, "S"], [6_000, "a"]], state: "lockedOut", told: ["outOfServiceSet lens", "sessionStarted", "sessionEnded tap", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "nobody takes it over from him, nor is his time extended", policy: { ...lockAgain, handover: "free", session: { maxSeconds: 100, warnSeconds: 20 } }, moments: [[0, lockNow], [1_000, "S"], [5_000, "a"], [90_000, "S"]], state: "lockedOut", told: ["outOfServiceSet lens", "sessionStarted", "tapRefused MACHINE_IN_USE", "sessionEnded tap"] },
  { title: "nobody but a steward works at it", policy: lockAgain, moments: [[0, lockNow], [1_000, "T"]], state: "lockedOut", told: ["outOfServiceSet lens", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "a release from afar while he works leaves it in service", policy: lockAgain, moments: [[0, lockNow], [1_000, "S"], [2_000, release], [5_000, "S"]], state: "idle", told: ["outOfServiceSet lens", "sessionStarted", "outOfServiceCleared", "sessionEnded tap"] },
  { title: "a steward clears a latched fault", moments: [[0, weld], [1_000, "S"]], state: "idle", told: ["faultRaised RELAY_STUCK", "faultCleared RELAY_STUCK"] },
  { title: "nobody else does", moments: [[0, weld], [1_000, "T"]], state: "faulted", told: ["faultRaised RELAY_STUCK", "tapRefused MACHINE_FAULTED"] },
  { title: "and not while its cause is there", policy: { wiring: wired("tamper") }, moments: [[0, "+tamper"], [1_000, "S"]], state: "faulted", told: ["faultRaised TAMPER", "tapRefused MACHINE_FAULTED"] },
  { title: "once it is gone he does", policy: { wiring: wired("tamper") }, moments: [[0, "+tamper"], [500, "-tamper"], [1_000, "S"]], state: "idle", told: ["faultRaised TAMPER", "faultCleared TAMPER"] },
  { title: "first the faults, then the lockout", moments: [[0, lockNow], [1, weld], [1_000, "S"], [2_000, "S"]], state: "idle", told: ["outOfServiceSet lens", "faultRaised RELAY_STUCK", "faultCleared RELAY_STUCK", "outOfServiceCleared"] },
  { title: "a machine that only watches lets pass, and says what it would have refused", moments: [[0, "w"], [5_000, "w"]], state: "idle", told: ["wouldHaveRefused TRAINING_MISSING", "sessionStarted", "sessionEnded tap"] },
  { title: "open to everyone: any card starts", policy: everyone, moments: [[0, open]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "and any card ends", policy: everyone, moments: [[0, open], [1_000, open]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "a bounce does not", policy: everyone, moments: [[0, open], [799, open], [1_598, open]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "a trained holder's card ends it, too", policy: everyone, moments: [[0, open], [1_000, "a"]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "and does not start by its bounce", policy: everyone, moments: [[0, open], [1_000, "a"], [1_799, "a"]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "so does a refused one", policy: everyone, moments: [[0, open], [1_000, { kind: "tapRefused", key: "x" }]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "so does the end button of the screen", policy: everyone, moments: [[0, open], [1_000, end]], state: "idle", told: ["sessionStarted", "sessionEnded button"] },
  { title: "the start button starts", policy: everyone, moments: [[0, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "and its next press ends", policy: everyone, moments: [[0, "+startButton"], [500, "-startButton"], [1_000, "+startButton"]], state: "idle", told: ["sessionStarted", "sessionEnded button"] },
  { title: "but not within 800 ms", policy: everyone, moments: [[0, "+startButton"], [500, "-startButton"], [799, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "the press that ended does not start again", policy: everyone, moments: [[0, "+startButton"], [500, "-startButton"], [1_000, "+startButton"], [1_200, "-startButton"], [1_799, "+startButton"]], state: "idle", told: ["sessionStarted", "sessionEnded button"] },
  { title: "R7: where a start button is demanded, a card alone does not start", policy: { ...everyone, startButton: true }, moments: [[0, open]], state: "armed startButton", told: ["sessionStarted"] },
  { title: "R7: its press does", policy: { ...everyone, startButton: true }, moments: [[0, open], [1_000, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R7: a second card calls it off", policy: { ...everyone, startButton: true }, moments: [[0, open], [1_000, open]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "R7: so does a trained holder's", policy: { ...everyone, startButton: true }, moments: [[0, open], [1_000, "a"]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "who has signed on is not ended by anyone's card", policy: everyone, moments: [[0, "a"], [1_000, open]], state: "active", relay: "closed", told: ["sessionStarted", "tapRefused MACHINE_IN_USE"] },
  { title: "nor by the start button", policy: everyone, moments: [[0, "a"], [1_000, "+startButton"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "out of service stays out of service, for cards and presses", policy: everyone, moments: [[0, lockNow], [1_000, open], [2_000, "+startButton"]], state: "lockedOut", told: ["outOfServiceSet lens", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "R13: any card resets the emergency stop, and starts nothing", policy: everyone, moments: [[0, "+emergencyStop"], [1_000, "-emergencyStop"], [2_000, open], [2_700, open]], state: "idle", told: ["faultRaised EMERGENCY_STOP", "faultCleared EMERGENCY_STOP"] },
  { title: "R13: while it is pressed none does", policy: everyone, moments: [[0, "+emergencyStop"], [2_000, open]], state: "faulted", told: ["faultRaised EMERGENCY_STOP", "tapRefused MACHINE_FAULTED"] },
  { title: "R13: a press resets nothing", policy: everyone, moments: [[0, "+emergencyStop"], [1_000, "-emergencyStop"], [2_000, "+startButton"]], state: "faulted", told: ["faultRaised EMERGENCY_STOP"] },
  { title: "R13: a card's reset leaves what else is the matter", policy: everyone, moments: [[0, "+emergencyStop"], [1, lockNow], [2, weld], [1_000, "-emergencyStop"], [2_000, open]], state: "faulted", told: ["faultRaised EMERGENCY_STOP", "outOfServiceSet lens", "faultRaised RELAY_STUCK", "faultCleared EMERGENCY_STOP"] },
  { title: "R13: an emergency stop that nobody knows starts nothing either", policy: everyone, moments: [[0, { kind: "inputLost", input: "emergencyStop" }], [1, { kind: "faultCleared", fault: "INPUT_FAILED" }], [1_000, open], [2_000, "+startButton"]], state: "idle", told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED", "tapRefused MACHINE_FAULTED", "tapRefused MACHINE_FAULTED"] },
  { title: "a card that stays in need not stay in for everyone", policy: { ...everyone, presence: "hold" }, moments: [[0, open], [1_000, away], [60_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "its maximum holds", policy: { ...everyone, session: { maxSeconds: 100, warnSeconds: 20 } }, moments: [[0, open], [80_000, tick], [100_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned time", "sessionEnded time"] },
  { title: "where the machine enforces, anyone's card and a press do nothing", policy: { wiring: wired("startButton") }, moments: [[0, open], [1_000, "+startButton"]], state: "idle", told: [] },
  { title: "before the marks are read no card does anything", policy: everyone, moments: [[0, { kind: "stopped" }], [1_000, open], [2_000, "+startButton"]], state: "starting", told: ["tapRefused MACHINE_FAULTED"] },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

test("what began while the machine was open goes on when it enforces again, and anyone ends it", () => {
  const { state } = live(policyOf(everyone), [[0, open]]); // prettier-ignore
  const enforcing = policyOf({ wiring: everyone.wiring ?? {} });
  const later = live(enforcing, [[1_000, { kind: "policyChanged" }], [60_000, tick]], state); // prettier-ignore
  expect(outputsFor(later.state, enforcing).relay).toBe("closed");
  expect(live(enforcing, [[61_000, open]], later.state).state.kind).toBe("idle"); // prettier-ignore
  expect(live(enforcing, [[61_000, "+startButton"]], later.state).state.kind).toBe("idle"); // prettier-ignore
});

describe("records", () => {
  test("of a use open to everyone name its session and nobody", () => {
    const { records, state } = live(policyOf(everyone), [[0, open], [9_000, open]]); // prettier-ignore
    expect(records).toEqual([
      { kind: "sessionStarted", session: open.session },
      { kind: "sessionEnded", session: open.session, reason: "tap", durationMs: 9_000 },
    ]);
    expect(holderKeyOf(state)).toBeUndefined();
  });

  test("of a use that is only watched name nobody; of what would have been refused they do", () => {
    const { records, state } = live(policyOf(), [[0, "w"]]); // prettier-ignore
    expect(records[0]).toMatchObject({ kind: "wouldHaveRefused", code: "TRAINING_MISSING", holder: "w0000000" });
    expect(records[1]).toEqual({ kind: "sessionStarted", session: sessionOf(state)?.id });
    expect(holderKeyOf(state)).toBe("w");
    const [ended] = live(policyOf(), [[5_000, "w"]], state).records; // prettier-ignore
    expect(ended).toEqual({ kind: "sessionEnded", session: records[1]?.session, reason: "tap", durationMs: 5_000 });
  });

  test("of resets and releases name who did it", () => {
    const { records } = live(policyOf(), [[0, lockNow], [1, weld], [1_000, "S"], [2_000, "S"]]); // prettier-ignore
    expect(records.slice(2)).toEqual([
      { kind: "faultCleared", code: "RELAY_STUCK", by: "S0000000" },
      { kind: "outOfServiceCleared", by: "S0000000" },
    ]);
  });

  test("a badge without pseudonym leaves the name out", () => {
    const { key, issuer, statusIndex, badge, grants, assurance } = candidateOf("S").holder;
    const candidate = { ...candidateOf("S"), holder: { key, issuer, statusIndex, badge, grants, assurance } };
    const nameless = { kind: "tapAccepted", candidate, cardPresent: true } as const;
    const { records } = live(policyOf(), [[0, lockNow], [1, weld], [1_000, nameless], [2_000, nameless], [3_000, nameless], [4_000, nameless]]); // prettier-ignore
    expect(records.slice(2, 4)).toEqual([
      { kind: "faultCleared", code: "RELAY_STUCK" },
      { kind: "outOfServiceCleared" },
    ]);
    expect(records[4]).not.toHaveProperty("holder");
    expect(records[5]).toMatchObject({ kind: "sessionEnded", statusIndex: 83 });
    expect(records[5]).not.toHaveProperty("holder");
  });

  test("of orders name author and number", () => {
    const { records } = live(policyOf(), [[0, "a"], [1_000, { ...lockWhenFree, command: 6 }], [2_000, { kind: "endOrdered", by: "staff-3", command: 8 }], [3_000, release]]); // prettier-ignore
    expect(records.slice(1)).toEqual([
      { kind: "outOfServiceSet", reason: "lens", by: "staff-1", command: 6 },
      expect.objectContaining({
        kind: "sessionEnded",
        reason: "command",
        by: "staff-3",
        command: 8,
        holder: "a0000000",
      }),
      { kind: "outOfServiceCleared", by: "staff-2", command: 7 },
    ]);
    const ended = live(policyOf(), [[0, "a"], [1_000, lockNow]]).records[2]; // prettier-ignore
    expect(ended).toMatchObject({ kind: "sessionEnded", reason: "outOfService", by: "staff-1" });
  });

  test("of a tap tell what was shown and how long the decision took", () => {
    const candidate = { ...candidateOf("a"), decisionUs: 1_234 };
    const { records } = live(policyOf(), [[0, { kind: "tapAccepted", candidate, cardPresent: true }]]); // prettier-ignore
    const { issuer, statusIndex, badge, grants, assurance } = candidate.holder;
    expect(records).toEqual([
      {
        kind: "sessionStarted",
        session: candidate.session,
        holder: "a0000000",
        issuer,
        statusIndex,
        badge,
        grants,
        assurance,
        decisionUs: 1_234,
      },
    ]);
  });
});

describe("R11: the second output", () => {
  const policy = policyOf(extraction);

  test("runs while its feedback is waited for, and during the use", () => {
    const armed = live(policy, [[0, "a"]]); // prettier-ignore
    expect(outputsFor(armed.state, policy)).toEqual({ relay: "open", runOn: true, stop: false });
    const active = live(policy, [[1_000, "+extraction"]], armed.state); // prettier-ignore
    expect(outputsFor(active.state, policy)).toEqual({ relay: "closed", runOn: true, stop: false });
  });

  test("runs only during the use where its feedback is not demanded, and not for who waits for a trainer", () => {
    const plain = policyOf({ runOn: { seconds: 60 }, startButton: true, wiring: wired("startButton") });
    expect(outputsFor(live(plain, [[0, "a"]]).state, plain).runOn).toBe(false); // prettier-ignore
    expect(outputsFor(live(policy, [[0, "t"]]).state, policy)).toEqual({ relay: "open", runOn: false, stop: false }); // prettier-ignore
    expect(outputsFor(live(policyOf(), [[0, "a"]]).state, policyOf()).runOn).toBe(false); // prettier-ignore
  });
});

describe("what a verdict has to know of the machine", () => {
  const faultedWith = (faults: readonly FaultCode[], input: Partial<MachinePolicyInput> = {}, locked = false) => {
    const policy = policyOf(input);
    const { state } = step(STARTING, { kind: "started", atMs: 0, faults, ...(locked && { lockout }) }, policy);
    return blockOf(state, policy);
  };

  test.each<[string, readonly FaultCode[], Partial<MachinePolicyInput>, boolean, ReturnType<typeof blockOf>]>([
    ["nothing", [], {}, false, undefined],
    ["out of service", [], {}, true, { code: "MACHINE_OUT_OF_SERVICE", admits: "stewards" }],
    [
      "out of service, and stewards work at it",
      [],
      { steward: { mayRelease: false, lockAgain: true } },
      true,
      { code: "MACHINE_OUT_OF_SERVICE", admits: "stewards" },
    ],
    [
      "out of service, whatever a steward says",
      [],
      { steward: { mayRelease: false } },
      true,
      { code: "MACHINE_OUT_OF_SERVICE", admits: "nobody" },
    ],
    ["what mends itself", ["READER_LOST"], {}, false, { code: "MACHINE_FAULTED", admits: "nobody" }],
    ["what a steward mends", ["READER_LOST", "TAMPER"], {}, false, { code: "MACHINE_FAULTED", admits: "stewards" }],
    ["unread marks", ["STORE_UNREADABLE"], {}, false, { code: "MACHINE_FAULTED", admits: "stewards" }],
    [
      "what he may not",
      ["TAMPER"],
      { steward: { mayRelease: false } },
      false,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
    [
      "a contact that nobody knows",
      ["RELAY_STUCK"],
      { wiring: wired("feedback") },
      false,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
    ["an emergency stop to be reset", ["EMERGENCY_STOP"], {}, true, { code: "MACHINE_FAULTED", admits: "everyone" }],
    [
      "an emergency stop that may be pressed",
      ["EMERGENCY_STOP"],
      { wiring: wired("emergencyStop") },
      false,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
    ["a missing extraction", ["EXTRACTION_MISSING"], {}, false, { code: "MACHINE_FAULTED", admits: "everyone" }],
    [
      "a missing extraction and something else",
      ["EXTRACTION_MISSING", "READER_LOST"],
      {},
      false,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
    [
      "a missing extraction, out of service",
      ["EXTRACTION_MISSING"],
      {},
      true,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
    [
      "others that mend themselves",
      ["JOURNAL_UNAVAILABLE", "RELAY_UNRESPONSIVE", "INPUT_FAILED", "STORAGE_FULL"],
      {},
      false,
      { code: "MACHINE_FAULTED", admits: "nobody" },
    ],
  ])("%s", (_title, faults, input, locked, block) => {
    expect(faultedWith(faults, input, locked)).toEqual(block);
  });

  test("nothing before the marks are read, and nothing in the way of a use", () => {
    expect(blockOf(STARTING, policyOf())).toEqual({ code: "MACHINE_FAULTED", admits: "nobody" });
    expect(blockOf(live(policyOf(), [[0, "a"]]).state, policyOf())).toBeUndefined(); // prettier-ignore
    expect(blockOf(live(policyOf(), [[0, "t"]]).state, policyOf())).toBeUndefined(); // prettier-ignore
    expect(blockOf(live(policyOf(), [[0, "a"], [1_000, "b"]]).state, policyOf())).toBeUndefined(); // prettier-ignore
  });
});
