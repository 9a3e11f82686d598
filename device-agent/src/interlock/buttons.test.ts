import type { MachinePolicyInput } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import type { InputName } from "./interlock-event.js";
import { type Moment, type Row, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";

/** Buttons, bypass key, problem reports and runs without a use. */

const tick = { kind: "tick" } as const;
const lost = (input: InputName) => ({ kind: "inputLost", input }) as const;
const busy: Partial<MachinePolicyInput> = { wiring: wired("busy", "bypassKey") };

const rows: readonly Row[] = [
  {
    title: "the end button ends, also when it is pressed from the start",
    policy: { wiring: wired("endButton") },
    moments: [
      [0, "a"],
      [1_000, "+endButton"],
      [1_100, "-endButton"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded button"],
  },
  {
    title: "R7: a start button that is held down already starts nothing",
    policy: { startButton: true, wiring: wired("startButton") },
    moments: [
      [0, "+startButton"],
      [1_000, "a"],
      [2_000, "+startButton"],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "R7: nor one that was jammed when the program began",
    policy: { startButton: true, wiring: wired("startButton") },
    moments: [
      [0, lost("startButton")],
      [1, "+startButton"],
      [1_000, "a"],
      [1_001, "+startButton"],
    ],
    state: "armed startButton",
    told: ["faultRaised INPUT_FAILED", "faultCleared INPUT_FAILED", "sessionStarted"],
  },
  {
    title: "R7: released and pressed it does",
    policy: { startButton: true, wiring: wired("startButton") },
    moments: [
      [0, "+startButton"],
      [1_000, "a"],
      [1_500, "-startButton"],
      [2_000, "+startButton"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "a press during a use changes nothing",
    policy: { startButton: true, wiring: wired("startButton") },
    moments: [
      [0, "a"],
      [1_000, "+startButton"],
      [2_000, "-startButton"],
      [3_000, "+startButton"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R7: pressed while the contact is read closed, it does not start",
    policy: { startButton: true, wiring: wired("startButton", "feedback") },
    moments: [
      [0, "a"],
      [1_000, "+feedback"],
      [1_100, "+startButton"],
    ],
    state: "armed extraction",
    told: ["sessionStarted"],
  },
  {
    title: "R7: and once that has opened, it is pressed anew",
    policy: { startButton: true, wiring: wired("startButton", "feedback") },
    moments: [
      [0, "a"],
      [1_000, "+feedback"],
      [1_100, "+startButton"],
      [1_150, "-feedback"],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "the bypass key is told, with its length",
    policy: busy,
    moments: [
      [0, "+bypassKey"],
      [10_000, "+busy"],
      [60_000, tick],
      [61_000, "-busy"],
      [90_000, "-bypassKey"],
    ],
    state: "idle",
    told: ["bypassUsed began", "bypassUsed ended"],
  },
  {
    title: "a bypass key that nobody can read any more is told to have ended",
    policy: busy,
    moments: [
      [0, "+bypassKey"],
      [10_000, lost("bypassKey")],
    ],
    state: "faulted",
    told: ["bypassUsed began", "faultRaised INPUT_FAILED", "bypassUsed ended"],
  },
  {
    title: "a machine that runs without a use is told after five seconds",
    policy: busy,
    moments: [
      [0, "+busy"],
      [4_999, tick],
      [5_000, tick],
      [9_000, tick],
      [12_000, "-busy"],
    ],
    state: "idle",
    told: ["ranWithoutSession began", "ranWithoutSession ended"],
  },
  {
    title: "and not before",
    policy: busy,
    moments: [
      [0, "+busy"],
      [4_999, tick],
      [5_000, "-busy"],
    ],
    state: "idle",
    told: [],
  },
  {
    title: "a use that begins explains it",
    policy: busy,
    moments: [
      [0, "+busy"],
      [5_000, tick],
      [6_000, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["ranWithoutSession began", "sessionStarted", "ranWithoutSession ended"],
  },
  {
    title: "a machine coasts for ten seconds after its use",
    policy: busy,
    moments: [
      [0, "a"],
      [1_000, "+busy"],
      [20_000, "a"],
      [29_999, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "and no longer",
    policy: busy,
    moments: [
      [0, "a"],
      [1_000, "+busy"],
      [20_000, "a"],
      [30_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap", "ranWithoutSession began"],
  },
  {
    title: "it coasts after a bypass, too",
    policy: busy,
    moments: [
      [0, "+bypassKey"],
      [1_000, "+busy"],
      [20_000, "-bypassKey"],
      [29_999, tick],
    ],
    state: "idle",
    told: ["bypassUsed began", "bypassUsed ended"],
  },
  {
    title: "a busy input that nobody can read is no run without a use",
    policy: busy,
    moments: [
      [0, "+busy"],
      [6_000, tick],
      [7_000, lost("busy")],
    ],
    state: "faulted",
    told: ["ranWithoutSession began", "faultRaised INPUT_FAILED", "ranWithoutSession ended"],
  },
  {
    title: "before the marks are read nothing is told of runs",
    policy: busy,
    moments: [
      [0, { kind: "stopped" }],
      [1, "+busy"],
      [60_000, tick],
    ],
    state: "starting",
    told: [],
  },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

describe("lengths", () => {
  const lengthsOf = (moments: readonly Moment[]) =>
    live(policyOf(busy), moments).records.flatMap(({ durationMs }) => (durationMs === undefined ? [] : [durationMs]));

  test("a bypass lasts from its turn to its turning back", () => {
    expect(lengthsOf([[1_000, "+bypassKey"], [31_000, "-bypassKey"]])).toEqual([30_000]); // prettier-ignore
  });

  test("a run without a use is counted from the busy input, not from its being told", () => {
    expect(lengthsOf([[1_000, "+busy"], [7_000, tick], [31_000, "-busy"]])).toEqual([30_000]); // prettier-ignore
  });

  test("or from the end of the use that it outlasts", () => {
    expect(lengthsOf([[0, "a"], [1_000, "+busy"], [20_000, "a"], [40_000, tick], [50_000, "-busy"]])).toEqual([20_000, 30_000]); // prettier-ignore
  });
});

describe("problems", () => {
  const policy = policyOf({ problem: { reasons: ["Lens dirty"] }, wiring: wired("problemButton") });
  const report = { kind: "problemReported", reason: "Lens dirty" } as const;

  test("the screen's and the button's are told, with the use in which they came", () => {
    const { records } = live(policy, [[0, report], [1_000, "a"], [2_000, report], [3_000, "+problemButton"]]); // prettier-ignore
    expect(records).toEqual([
      { kind: "problemReported", reason: "Lens dirty" },
      expect.objectContaining({ kind: "sessionStarted" }),
      { kind: "problemReported", reason: "Lens dirty", session: records[1]?.session, holder: "a0000000" },
      { kind: "problemReported", reason: "button", session: records[1]?.session, holder: "a0000000" },
    ]);
  });

  test("only the policy's reasons are, and a button counts when it is pressed", () => {
    const other = { kind: "problemReported", reason: "<script>" } as const;
    const { records } = live(policy, [[0, other], [1, "+problemButton"], [2, "+problemButton"], [3, "-problemButton"]]); // prettier-ignore
    expect(records).toEqual([{ kind: "problemReported", reason: "button" }]);
  });

  test("of a use that a watching machine let pass, nobody is named", () => {
    const { records } = live(policy, [[0, "w"], [1_000, report]]); // prettier-ignore
    expect(records[2]).toEqual({ kind: "problemReported", reason: "Lens dirty", session: records[1]?.session });
  });
});
