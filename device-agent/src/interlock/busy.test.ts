import type { MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type Row, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";
import type { Active } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { endOf, idleEndOf, isExtendable, warningMs, warningsOf } from "./session-end.js";

/** SAFETY R10: what a machine that tells when it is busy changes about the ends of a use. */

const tick = { kind: "tick" } as const;
const lost = { kind: "inputLost", input: "busy" } as const;
const withdrawn = { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" } as const;
const good = { kind: "badgeStatusChanged", status: "good" } as const;
const readerLost = { kind: "readerLost" } as const;
const away = { kind: "cardRemoved" } as const;
const wiring = wired("busy");
const short = { maxSeconds: 100, warnSeconds: 20, overrunSeconds: 60 };
const capped: Partial<MachinePolicyInput> = { session: short, wiring };
const idle: Partial<MachinePolicyInput> = { session: { maxSeconds: 0, idleSeconds: 60, warnSeconds: 20 }, wiring };
const long: Partial<MachinePolicyInput> = { ...idle, wiring: { output: "pulse", pulseSeconds: 10, ...wiring } };
const hold: Partial<MachinePolicyInput> = { presence: "hold", wiring };
const revoked = (whenRevoked: MachinePolicyInput["whenRevoked"]): Partial<MachinePolicyInput> => ({
  wiring,
  whenRevoked,
  graceSeconds: 30,
});

// prettier-ignore
const rows: readonly Row[] = [
  { title: "R10: the maximum does not cut a busy machine", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [80_000, tick], [100_000, tick], [159_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned time", "sessionOverran"] },
  { title: "R10: it ends as soon as the machine rests", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [100_000, tick], [120_000, "-busy"], [120_001, tick]], state: "idle", told: ["sessionStarted", "sessionOverran", "sessionEnded time"] },
  { title: "R10: and at the hard cap in any case", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [100_000, tick], [160_000, tick]], state: "idle", told: ["sessionStarted", "sessionOverran", "sessionEnded time", ] },
  { title: "R10: an overrun is not extended, the holder's tap finishes", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [100_000, tick], [101_000, "a"]], state: "idle", told: ["sessionStarted", "sessionOverran", "sessionEnded tap"] },
  { title: "R10: nor is one whose end no tick has noticed yet", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [100_000, "a"]], state: "idle", told: ["sessionStarted", "sessionEnded tap"] },
  { title: "a millisecond earlier it is", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [99_999, "a"]], state: "active", relay: "closed", told: ["sessionStarted", "sessionExtended"] },
  { title: "R10: a machine of which nobody knows whether it is busy is not cut either", policy: capped, moments: [[0, "a"], [1_000, lost], [100_000, tick]], state: "active", relay: "closed", told: ["sessionStarted", "faultRaised INPUT_FAILED", "sessionOverran"] },
  { title: "a machine at rest ends at its maximum", policy: capped, moments: [[0, "a"], [1_000, "+busy"], [50_000, "-busy"], [100_000, tick]], state: "idle", told: ["sessionStarted", "sessionEnded time"] },
  { title: "at rest it ends after its idle time, announced a third of a minute before", policy: idle, moments: [[0, "a"], [39_999, tick], [40_000, tick], [59_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned idle"] },
  { title: "idle it ends", policy: idle, moments: [[0, "a"], [40_000, tick], [60_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned idle", "sessionEnded idle"] },
  { title: "busy it does not", policy: idle, moments: [[0, "a"], [1_000, "+busy"], [90_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "the idle time begins when the machine comes to rest, and each rest is announced", policy: idle, moments: [[0, "a"], [40_000, tick], [41_000, "+busy"], [41_001, tick], [90_000, "-busy"], [130_000, tick], [149_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned idle", "sessionWarned idle"] },
  { title: "unknown is not idle", policy: idle, moments: [[0, "a"], [1_000, lost], [90_000, tick]], state: "active", relay: "closed", told: ["sessionStarted", "faultRaised INPUT_FAILED"] },
  { title: "an idle time without a busy input ends nothing", policy: { session: { maxSeconds: 0, idleSeconds: 60 } }, moments: [[0, "a"], [90_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "a busy input without an idle time ends nothing", policy: { session: { maxSeconds: 0 }, wiring }, moments: [[0, "a"], [900_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "a long job: the permission is over, the use lasts as long as the machine runs", policy: long, moments: [[0, "a"], [5_000, "+busy"], [10_000, tick], [40_000_000, tick]], state: "active", relay: "open", told: ["sessionStarted"] },
  { title: "a long job is over a while after the machine is done", policy: long, moments: [[0, "a"], [5_000, "+busy"], [40_000_000, "-busy"], [40_040_000, tick], [40_060_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned idle", "sessionEnded idle"] },
  { title: "R7: the wait for the start button is no idle time", policy: { ...idle, startButton: true, wiring: wired("busy", "startButton") }, moments: [[0, "a"], [59_000, "+startButton"], [60_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R10: withdrawn, a busy machine goes on to the natural end", policy: { ...revoked("finishThenLock"), session: short }, moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [99_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionWarned time"] },
  { title: "R10: withdrawn, it is not extended", policy: { ...revoked("finishThenLock"), session: short }, moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [90_000, "a"]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded tap"] },
  { title: "R10: withdrawn, the natural end of a long job is its idle time", policy: { ...idle, whenRevoked: "finishThenLock" }, moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [900_000, tick], [900_001, "-busy"], [960_000, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionWarned idle"] },
  { title: "R10: withdrawn where nothing would ever end, it ends at rest after ten minutes", policy: { session: { maxSeconds: 0 }, wiring }, moments: [[0, "a"], [2_000, withdrawn], [601_999, tick], [602_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"] },
  { title: "R10: and not while it is busy", policy: { session: { maxSeconds: 0 }, wiring }, moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [900_000, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "grace cuts a busy machine when it is over", policy: revoked("grace"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [31_999, tick], [32_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"] },
  { title: "grace is not over before", policy: revoked("grace"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [31_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "grace is given to a machine at rest, too", policy: revoked("grace"), moments: [[0, "a"], [2_000, withdrawn], [31_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "a controlled stop ends as soon as the machine has come to rest", policy: revoked("controlledStop"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [10_000, "-busy"], [10_001, tick]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"] },
  { title: "a controlled stop gives the machine its grace", policy: revoked("controlledStop"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [31_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "and no more", policy: revoked("controlledStop"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn], [32_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"] },
  { title: "a controlled stop without a busy input lasts its grace", policy: { whenRevoked: "controlledStop", graceSeconds: 30 }, moments: [[0, "a"], [2_000, withdrawn], [31_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "cutNow cuts a busy machine", policy: revoked("cutNow"), moments: [[0, "a"], [1_000, "+busy"], [2_000, withdrawn]], state: "idle", told: ["sessionStarted", "sessionEnded withdrawn BADGE_REVOKED"] },
  { title: "withdrawn twice gives no second grace", policy: revoked("grace"), moments: [[0, "a"], [2_000, withdrawn], [20_000, withdrawn], [32_000, tick]], state: "idle", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded withdrawn"] },
  { title: "withdrawn, good and withdrawn again does, and each time is told", policy: revoked("grace"), moments: [[0, "a"], [2_000, withdrawn], [20_000, good], [20_001, tick], [25_000, withdrawn], [54_999, tick]], state: "active", relay: "closed", told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionWarned withdrawn BADGE_REVOKED"] },
  { title: "good news for a use that was never withdrawn is no news", policy: capped, moments: [[0, "a"], [1_000, good]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "without a code it counts as revoked", policy: revoked("cutNow"), moments: [[0, "a"], [1_000, { kind: "badgeStatusChanged", status: "withdrawn" }]], state: "idle", told: ["sessionStarted", "sessionEnded withdrawn BADGE_REVOKED"] },
  { title: "R10: taking the card out is the holder's own wish, busy or not", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, away], [3_499, tick], [3_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded removal"] },
  { title: "R14: a lost reader waits for a busy machine", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [123_499, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R14: for two minutes", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [123_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded readerLost"] },
  { title: "R14: or until it rests", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [9_000, "-busy"], [9_001, tick]], state: "idle", told: ["sessionStarted", "sessionEnded readerLost"] },
  { title: "R14: a machine at rest waits for its reader as long as for a card", policy: hold, moments: [[0, "a"], [2_000, readerLost], [3_499, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R14: and no longer", policy: hold, moments: [[0, "a"], [2_000, readerLost], [3_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded readerLost"] },
  { title: "R14: a reader that is back says nothing of the card", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [3_000, { kind: "readerBack" }], [123_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded readerLost"] },
  { title: "R14: the card does", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [3_000, { kind: "readerBack" }], [4_000, "a"], [200_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
  { title: "R14: lost twice is counted from the first time", policy: hold, moments: [[0, "a"], [1_000, "+busy"], [2_000, readerLost], [60_000, readerLost], [123_500, tick]], state: "idle", told: ["sessionStarted", "sessionEnded readerLost"] },
  { title: "R14: where a tap is enough, a lost reader ends nothing", policy: { wiring, session: { maxSeconds: 0 } }, moments: [[0, "a"], [2_000, readerLost], [900_000, tick]], state: "active", relay: "closed", told: ["sessionStarted"] },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

function used(input: Partial<MachinePolicyInput>, moments: Row["moments"]): Active {
  const { state } = live(policyOf(input), [[0, "a"], ...moments]); // prettier-ignore
  if (state.kind !== "active") throw new Error(state.kind);
  return state;
}

describe("what the screen asks", () => {
  test("why a use is announced to end, the most pressing first, with its moment", () => {
    const policy = policyOf({ session: { ...short, idleSeconds: 90 }, wiring, whenRevoked: "grace", graceSeconds: 95 });
    const state = used({ session: { ...short, idleSeconds: 90 }, wiring, whenRevoked: "grace", graceSeconds: 95 }, [[1_000, withdrawn]]); // prettier-ignore
    expect(warningsOf(state, 80_000, policy)).toEqual([
      { reason: "withdrawn", endsMs: 96_000 },
      { reason: "time", endsMs: 100_000 },
      { reason: "idle", endsMs: 90_000 },
    ]);
    expect(warningsOf(state, 69_999, policy)).toEqual([{ reason: "withdrawn", endsMs: 96_000 }]);
    expect(endOf(state)).toBe(96_000);
    expect(idleEndOf(state, policy)).toBe(90_000);
  });

  test("an overrun is told with the hard cap", () => {
    const state = used(capped, [[1_000, "+busy"]]); // prettier-ignore
    expect(warningsOf(state, 100_000, policyOf(capped))).toEqual([{ reason: "overrun", endsMs: 160_000 }]);
    expect(warningsOf(state, 99_999, policyOf(capped))).toEqual([{ reason: "time", endsMs: 100_000 }]);
    expect(idleEndOf(state, policyOf(capped))).toBeUndefined();
  });

  test("withdrawn without an end of its own has none to tell", () => {
    const state = used({ ...revoked("finishThenLock"), session: short }, [[1_000, "+busy"], [2_000, withdrawn]]); // prettier-ignore
    expect(warningsOf(state, 3_000, policyOf(capped))).toEqual([{ reason: "withdrawn" }]);
    expect(endOf(state)).toBe(100_000);
  });

  test("nothing ends a use without maximum", () => {
    expect(endOf(used(idle, []))).toBeUndefined();
    expect(warningsOf(used(idle, [[1_000, "+busy"]]), 1e9, policyOf(idle))).toEqual([]); // prettier-ignore
  });

  test("a warning lasts half of the time at most", () => {
    expect(warningMs(policyOf({ session: { maxSeconds: 100, warnSeconds: 20 } }))).toBe(20_000);
    expect(warningMs(policyOf({ session: { maxSeconds: 100, warnSeconds: 60 } }))).toBe(50_000);
    expect(warningMs(policyOf({ session: { maxSeconds: 101, warnSeconds: 60 } }))).toBe(50_000);
  });

  test("half of a short idle time is announced at most", () => {
    const input = { session: { maxSeconds: 0, idleSeconds: 10, warnSeconds: 20 }, wiring };
    expect(warningsOf(used(input, []), 4_999, policyOf(input))).toEqual([]);
    expect(warningsOf(used(input, []), 5_000, policyOf(input))).toEqual([{ reason: "idle", endsMs: 10_000 }]);
  });

  test.each<[string, Partial<MachinePolicyInput>, Row["moments"], number, boolean]>([
    ["in the warning's first moment", capped, [], 80_000, true],
    ["a moment before", capped, [], 79_999, false],
    ["in its last moment", capped, [], 99_999, true],
    ["over", capped, [], 100_000, false],
    ["where it is not asked for", { session: { ...short, extend: false }, wiring }, [], 90_000, false],
    ["withdrawn", capped, [[1_000, withdrawn]], 90_000, false], // prettier-ignore
    ["with a fault waiting", capped, [[1_000, lost]], 90_000, false], // prettier-ignore
    ["without a maximum", idle, [], 90_000, false],
  ])("extendable: %s", (_title, input, moments, atMs, isIt) => {
    expect(isExtendable(used(input, moments), atMs, policyOf(input))).toBe(isIt);
  });

  test("a maximum that the policy has dropped since is not extended", () => {
    const none = policyOf({ session: { maxSeconds: 0 } });
    expect(isExtendable(used(capped, []), 99_000, none)).toBe(false);
  });
});

test("a controlled stop is asked of the machine until the use is over, and of no other", () => {
  const policy = policyOf(revoked("controlledStop"));
  const busyUse = live(policy, [[0, "a"], [1_000, "+busy"], [2_000, withdrawn]]); // prettier-ignore
  expect(outputsFor(busyUse.state, policy)).toEqual({ relay: "closed", runOn: false, stop: true });
  expect(outputsFor(live(policy, [[3_000, good]], busyUse.state).state, policy).stop).toBe(false); // prettier-ignore
  const grace = live(policyOf(revoked("grace")), [[0, "a"], [2_000, withdrawn]]); // prettier-ignore
  expect(outputsFor(grace.state, policy).stop).toBe(false);
});
