import type { MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type Row, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";
import { holderKeyOf, sessionOf } from "./interlock-state.js";
import { endOf, warningsOf } from "./session-end.js";

/** Trainees "t" and "u" work under trainers "T" and "U"; "a" and "b" need nobody. */

const tick = { kind: "tick" } as const;
const away = { kind: "cardRemoved" } as const;
const lockWhenFree = {
  kind: "outOfServiceSet",
  when: "whenFree",
  lockout: { reason: "lens", by: "staff-1", at: 0 },
} as const;
const session = { maxSeconds: 7_200, warnSeconds: 300 };
const allowed: Partial<MachinePolicyInput> = { session, supervision: { mode: "allowed" } };
const two: Partial<MachinePolicyInput> = { session, supervision: { mode: "allowed", maxTrainees: 2 } };
const warn: Partial<MachinePolicyInput> = { session, supervision: { mode: "allowed", whenTrainerLeaves: "warn" } };
const busy: Partial<MachinePolicyInput> = { ...allowed, wiring: wired("busy") };
const hold: Partial<MachinePolicyInput> = { ...allowed, presence: "hold" };
const free: Partial<MachinePolicyInput> = { ...allowed, handover: "free" };
const begun = ["sessionStarted", "supervisionStarted"];
const MINUTE = 60_000;

// prettier-ignore
const rows: readonly Row[] = [
  { title: "a trainee's tap asks for a trainer, and nothing is in the log yet", policy: allowed, moments: [[0, "t"], [29_999, tick]], state: "armed coTap", told: [] },
  { title: "nobody comes", policy: allowed, moments: [[0, "t"], [30_000, tick]], state: "idle", told: ["tapRefused SUPERVISION_REQUIRED"] },
  { title: "a trainer's tap starts the trainee's use", policy: allowed, moments: [[0, "t"], [29_999, "T"]], state: "active", relay: "closed", told: begun },
  { title: "a trainer's tap that comes too late begins his own use", policy: allowed, moments: [[0, "t"], [30_000, "T"]], state: "active", relay: "closed", told: ["tapRefused SUPERVISION_REQUIRED", "sessionStarted"] },
  { title: "a steward may supervise, too", policy: allowed, moments: [[0, "t"], [1_000, "S"]], state: "active", relay: "closed", told: begun },
  { title: "another trainee's tap is no co-tap: the new one asks", policy: allowed, moments: [[0, "t"], [1_000, "u"]], state: "armed coTap", told: ["tapRefused SUPERVISION_REQUIRED"] },
  { title: "someone who needs nobody takes the machine that still waits", policy: allowed, moments: [[0, "t"], [1_000, "a"]], state: "active", relay: "closed", told: ["tapRefused SUPERVISION_REQUIRED", "sessionStarted"] },
  { title: "but not where handovers are refused", policy: { ...allowed, handover: "refuse" }, moments: [[0, "t"], [1_000, "a"], [2_000, "T"]], state: "active", relay: "closed", told: ["tapRefused MACHINE_IN_USE", ...begun] },
  { title: "where handovers are refused, a request that is over does not stand in the way", policy: { ...allowed, handover: "refuse" }, moments: [[0, "t"], [30_000, "a"]], state: "active", relay: "closed", told: ["tapRefused SUPERVISION_REQUIRED", "sessionStarted"] },
  { title: "the trainee's own second tap calls it off", policy: allowed, moments: [[0, "t"], [1_000, "t"]], state: "idle", told: ["tapRefused SUPERVISION_REQUIRED"] },
  { title: "and is a bounce within 800 ms", policy: allowed, moments: [[0, "t"], [799, "t"]], state: "armed coTap", told: [] },
  { title: "the end button calls it off", policy: allowed, moments: [[0, "t"], [1_000, { kind: "endPressed" }]], state: "idle", told: ["tapRefused SUPERVISION_REQUIRED"] },
  { title: "the trainee's refused card calls it off", policy: allowed, moments: [[0, "t"], [1_000, { kind: "tapRefused", key: "t" }]], state: "idle", told: ["tapRefused SUPERVISION_REQUIRED"] },
  { title: "somebody else's does not", policy: allowed, moments: [[0, "t"], [1_000, { kind: "tapRefused", key: "a" }]], state: "armed coTap", told: [] },
  { title: "R12: out of service comes before a trainer", policy: allowed, moments: [[0, "t"], [1_000, lockWhenFree], [2_000, "T"]], state: "lockedOut", told: ["outOfServiceSet lens", "tapRefused SUPERVISION_REQUIRED", "tapRefused MACHINE_OUT_OF_SERVICE"] },
  { title: "R12: a fault that waits does not wait for a trainer", policy: allowed, moments: [[0, "t"], [1_000, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }]], state: "faulted", told: ["faultRaised READER_LOST", "tapRefused SUPERVISION_REQUIRED"] },
  { title: "a withdrawn badge of whoever waits is no session's", policy: allowed, moments: [[0, "t"], [1_000, { kind: "badgeStatusChanged", status: "withdrawn" }]], state: "armed coTap", told: [] },
  { title: "R7: after the co-tap the start button is waited for", policy: { ...allowed, startButton: true, wiring: wired("startButton") }, moments: [[0, "t"], [1_000, "T"]], state: "armed startButton", told: begun },
  { title: "R4: a co-tap needs the proof that the relay is open", policy: { ...allowed, wiring: wired("feedback") }, moments: [[0, "t"], [900, "+feedback"], [1_000, "T"]], state: "armed coTap", told: ["tapRefused MACHINE_FAULTED"] },
  { title: "a card that stays in: put back, it waits on", policy: hold, moments: [[0, "t"], [1_000, away], [2_000, "t"], [3_000, "T"]], state: "active", relay: "closed", told: begun },
  { title: "a card that stays in and is out at the co-tap: it has to be put back", policy: hold, moments: [[0, "t"], [1_000, away], [3_000, "T"], [32_999, tick]], state: "armed card", told: begun },
  { title: "put back it starts", policy: hold, moments: [[0, "t"], [1_000, away], [3_000, "T"], [32_000, "t"]], state: "active", relay: "closed", told: begun },
  { title: "never put back it ends", policy: hold, moments: [[0, "t"], [1_000, away], [3_000, "T"], [33_000, tick]], state: "idle", told: [...begun, "supervisionEnded removal", "sessionEnded removal"] },
  { title: "supervision is announced to end five minutes before", policy: allowed, moments: [[0, "t"], [1_000, "T"], [3_300_999, tick], [3_301_000, tick]], state: "active", relay: "closed", told: [...begun, "sessionWarned supervision"] },
  { title: "over by its time, the use of a machine without busy input has ten minutes", policy: allowed, moments: [[0, "t"], [1_000, "T"], [3_601_000, tick], [4_200_999, tick]], state: "active", relay: "closed", told: [...begun, "supervisionEnded time", "sessionWarned supervision"] },
  { title: "and then ends", policy: allowed, moments: [[0, "t"], [1_000, "T"], [3_601_000, tick], [4_201_000, tick]], state: "idle", told: [...begun, "supervisionEnded time", "sessionWarned supervision", "sessionEnded supervision"] },
  { title: "whenTrainerLeaves warn: it goes on", policy: warn, moments: [[0, "t"], [1_000, "T"], [3_601_000, tick], [7_000_000, tick]], state: "active", relay: "closed", told: [...begun, "supervisionEnded time", "sessionWarned supervision", "sessionWarned time"] },
  { title: "the trainer's tap-out ends it", policy: warn, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [5_001, tick]], state: "active", relay: "closed", told: [...begun, "supervisionEnded tap", "sessionWarned supervision"] },
  { title: "the trainer's refused card taps out as well", policy: warn, moments: [[0, "t"], [1_000, "T"], [5_000, { kind: "tapRefused", key: "T" }]], state: "active", relay: "closed", told: [...begun, "supervisionEnded tap"] },
  { title: "a bounce of the co-tap is no tap-out", policy: allowed, moments: [[0, "t"], [1_000, "T"], [1_500, "T"]], state: "active", relay: "closed", told: begun },
  { title: "R10: the trainer's leaving never cuts a busy machine", policy: busy, moments: [[0, "t"], [1_000, "T"], [2_000, "+busy"], [5_000, "T"], [7_000_000, tick]], state: "active", relay: "closed", told: [...begun, "supervisionEnded tap", "sessionWarned time", "sessionWarned supervision"] },
  { title: "it ends once the machine rests", policy: busy, moments: [[0, "t"], [1_000, "T"], [2_000, "+busy"], [5_000, "T"], [6_000, "-busy"], [6_001, tick]], state: "idle", told: [...begun, "supervisionEnded tap", "sessionEnded supervision"] },
  { title: "near its end the trainer's tap renews it", policy: allowed, moments: [[0, "t"], [1_000, "T"], [3_301_000, "T"], [6_600_999, tick]], state: "active", relay: "closed", told: [...begun, "supervisionStarted renewed"] },
  { title: "just before that it ends it", policy: warn, moments: [[0, "t"], [1_000, "T"], [3_300_999, "T"]], state: "active", relay: "closed", told: [...begun, "supervisionEnded tap"] },
  { title: "another trainer takes over near the end", policy: allowed, moments: [[0, "t"], [1_000, "T"], [3_400_000, "U"]], state: "active", relay: "closed", told: [...begun, "supervisionEnded handover", "supervisionStarted renewed"] },
  { title: "after its end any trainer may", policy: warn, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [6_000, "U"]], state: "active", relay: "closed", told: [...begun, "supervisionEnded tap", "supervisionStarted renewed"] },
  { title: "another trainer in its middle wants the machine", policy: allowed, moments: [[0, "t"], [1_000, "T"], [5_000, "U"]], state: "pending confirmation", relay: "closed", told: begun },
  { title: "somebody else's tap after its end is a handover", policy: warn, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [6_000, "a"]], state: "pending confirmation", relay: "closed", told: [...begun, "supervisionEnded tap"] },
  { title: "the end of the use ends the supervision", policy: allowed, moments: [[0, "t"], [1_000, "T"], [5_000, "t"]], state: "idle", told: [...begun, "supervisionEnded tap", "sessionEnded tap"] },
  { title: "and is told once", policy: warn, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [6_000, "t"]], state: "idle", told: [...begun, "supervisionEnded tap", "sessionEnded tap"] },
  { title: "R8: a start that is not logged is supervised by nobody", policy: allowed, moments: [[0, "t"], [1_000, "T"], [1_250, { kind: "startNotLogged" }]], state: "faulted", told: [...begun, "faultRaised JOURNAL_UNAVAILABLE", "supervisionEnded fault", "startAborted fault JOURNAL_UNAVAILABLE"] },
  { title: "who is over cannot be extended", policy: { session: { maxSeconds: 100, warnSeconds: 20 }, supervision: { mode: "allowed", whenTrainerLeaves: "warn" } }, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [90_000, "t"]], state: "idle", told: [...begun, "supervisionEnded tap", "sessionEnded tap"] },
  { title: "supervision without a maximum does not end by itself", policy: { session, supervision: { mode: "allowed", maxSeconds: 0 } }, moments: [[0, "t"], [1_000, "T"], [6_000_000, tick]], state: "active", relay: "closed", told: begun },
  { title: "a trainee who wants a running machine needs a trainer, too", policy: free, moments: [[0, "a"], [1_000, "t"]], state: "pending coTap", relay: "closed", told: ["sessionStarted"] },
  { title: "with whose tap he takes over", policy: free, moments: [[0, "a"], [1_000, "t"], [30_999, "T"]], state: "active", relay: "closed", told: ["sessionStarted", "sessionEnded handover", ...begun] },
  { title: "but not half a minute later", policy: free, moments: [[0, "a"], [1_000, "t"], [31_000, tick], [31_001, "b"]], state: "active", relay: "closed", told: ["sessionStarted", "sessionEnded handover", "sessionStarted"] },
  { title: "a trainer who is signed on himself hands over to his trainee", policy: allowed, moments: [[0, "T"], [1_000, "t"], [2_000, "T"]], state: "active", relay: "closed", told: ["sessionStarted", "sessionEnded handover", ...begun] },
  { title: "the holder finishes while a trainee waits: nobody's turn", policy: allowed, moments: [[0, "a"], [1_000, "t"], [2_000, "a"]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "the waiting trainee's second tap changes nothing but the time", policy: allowed, moments: [[0, "a"], [1_000, "t"], [2_000, "t"]], state: "pending coTap", relay: "closed", told: ["sessionStarted"] },
  { title: "a second trainee under the same trainer needs no co-tap where two are allowed", policy: { ...two, handover: "free" }, moments: [[0, "t"], [1_000, "T"], [5_000, "u"]], state: "active", relay: "closed", told: [...begun, "sessionEnded handover", "sessionStarted"] },
  { title: "nor where he has to confirm", policy: two, moments: [[0, "t"], [1_000, "T"], [5_000, "u"], [6_000, "u"]], state: "active", relay: "closed", told: [...begun, "sessionEnded handover", "sessionStarted"] },
  { title: "where one is allowed he does", policy: free, moments: [[0, "t"], [1_000, "T"], [5_000, "u"]], state: "pending coTap", relay: "closed", told: begun },
  { title: "and the co-tap begins a supervision of its own", policy: free, moments: [[0, "t"], [1_000, "T"], [5_000, "u"], [6_000, "T"]], state: "active", relay: "closed", told: [...begun, "supervisionEnded handover", "sessionEnded handover", ...begun] },
  { title: "a supervision that is over covers nobody", policy: { ...two, handover: "free", supervision: { mode: "allowed", maxTrainees: 2, whenTrainerLeaves: "warn" } }, moments: [[0, "t"], [1_000, "T"], [5_000, "T"], [6_000, "u"]], state: "pending coTap", relay: "closed", told: [...begun, "supervisionEnded tap"] },
  { title: "one that ends between tap and confirmation does not either", policy: { ...two, supervision: { mode: "allowed", maxTrainees: 2, whenTrainerLeaves: "warn", maxSeconds: 60 } }, moments: [[0, "t"], [1_000, "T"], [60_900, "u"], [61_000, tick], [62_000, "u"]], state: "pending coTap", relay: "closed", told: [...begun, "supervisionEnded time", "sessionWarned supervision"] },
  { title: "someone who needs nobody ends the supervision when he takes over", policy: { ...two, handover: "free" }, moments: [[0, "t"], [1_000, "T"], [5_000, "a"]], state: "active", relay: "closed", told: [...begun, "supervisionEnded handover", "sessionEnded handover", "sessionStarted"] },
  { title: "R12: no trainee takes over what should get free", policy: free, moments: [[0, "a"], [1_000, "t"], [2_000, lockWhenFree], [3_000, "T"]], state: "active", relay: "closed", told: ["sessionStarted", "outOfServiceSet lens", "tapRefused MACHINE_IN_USE"] },
  { title: "a handover that the policy refuses is refused a trainee, too", policy: { ...allowed, handover: "refuse" }, moments: [[0, "a"], [1_000, "t"]], state: "active", relay: "closed", told: ["sessionStarted", "tapRefused MACHINE_IN_USE"] },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

describe("records", () => {
  test("name trainee and trainer", () => {
    const { records, state } = live(policyOf(allowed), [[0, "t"], [1_000, "T"], [9_000, "t"]]); // prettier-ignore
    const [start, supervised, unsupervised, end] = records;
    expect(start).toMatchObject({ kind: "sessionStarted", holder: "t0000000", by: "T0000000" });
    expect(supervised).toEqual({ kind: "supervisionStarted", session: start?.session, by: "T0000000" });
    expect(unsupervised).toEqual({ kind: "supervisionEnded", session: start?.session, by: "T0000000", reason: "tap" });
    expect(end).toMatchObject({ kind: "sessionEnded", holder: "t0000000", durationMs: 8_000, session: start?.session });
    expect(sessionOf(state)).toBeUndefined();
  });

  test("of a second trainee name the trainer who goes on answering", () => {
    const { records } = live(policyOf({ ...two, handover: "free" }), [[0, "t"], [1_000, "T"], [5_000, "u"]]); // prettier-ignore
    expect(records[3]).toMatchObject({ kind: "sessionStarted", holder: "u0000000", by: "T0000000" });
  });

  test("of a trainer's own use name no supervisor", () => {
    expect(live(policyOf(allowed), [[0, "T"]]).records[0]).not.toHaveProperty("by"); // prettier-ignore
  });
});

describe("queries", () => {
  test("whoever waits for a trainer is the one whose card counts, but has no session", () => {
    const { state } = live(policyOf(allowed), [[0, "t"]]); // prettier-ignore
    expect([holderKeyOf(state), sessionOf(state)]).toEqual(["t", undefined]);
  });

  test("the trainer's end is told with its warning, and then what is left", () => {
    const policy = policyOf(allowed);
    const { state } = live(policy, [[0, "t"], [1_000, "T"]]); // prettier-ignore
    if (state.kind !== "active") throw new Error(state.kind);
    expect(warningsOf(state, 55 * MINUTE, policy)).toEqual([]);
    expect(warningsOf(state, 56 * MINUTE, policy)).toEqual([{ reason: "supervision", endsMs: 3_601_000 }]);
    expect(endOf(state)).toBe(7_201_000);
    const over = live(policy, [[3_601_000, tick]], state).state; // prettier-ignore
    if (over.kind !== "active") throw new Error(over.kind);
    expect(warningsOf(over, 3_601_000, policy)).toEqual([{ reason: "supervision", endsMs: 4_201_000 }]);
    expect(endOf(over)).toBe(4_201_000);
  });

  test("half of a short supervision is warned of at most", () => {
    const policy = policyOf({ session, supervision: { mode: "allowed", maxSeconds: 100 } });
    const { state } = live(policy, [[0, "t"], [1_000, "T"]]); // prettier-ignore
    if (state.kind !== "active") throw new Error(state.kind);
    expect(warningsOf(state, 50_999, policy)).toEqual([]);
    expect(warningsOf(state, 51_000, policy)).toEqual([{ reason: "supervision", endsMs: 101_000 }]);
  });
});
