import type { MachinePolicyInput } from "@badgekey/shared";
import { expect, test } from "vitest";
import { type Row, live, outcomeOf, policyOf, wired } from "./interlock-fixture.js";
import { step } from "./step.js";

/** How uses begin, go on and end when all is well. SAFETY's rules stand in step-safety.test.ts. */

const tick = { kind: "tick" } as const;
const start = "+startButton";
const end = { kind: "endPressed" } as const;
const away = { kind: "cardRemoved" } as const;
const short: Partial<MachinePolicyInput> = { session: { maxSeconds: 100, warnSeconds: 20 } };
const hold: Partial<MachinePolicyInput> = { presence: "hold" };
const pulse: Partial<MachinePolicyInput> = { wiring: { output: "pulse", pulseSeconds: 10 } };
const button: Partial<MachinePolicyInput> = { startButton: true, wiring: wired("startButton") };

const rows: readonly Row[] = [
  { title: "a tap starts", moments: [[0, "a"]], state: "active", relay: "closed", told: ["sessionStarted"] },
  {
    title: "a tap by the holder ends",
    moments: [
      [0, "a"],
      [900, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "a tap within 800 ms is the reader bouncing",
    moments: [
      [0, "a"],
      [799, "a"],
      [1598, "a"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "the tap that ended does not start again while it bounces",
    moments: [
      [0, "a"],
      [900, "a"],
      [1500, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "the maximum ends, after a warning",
    policy: short,
    moments: [
      [0, "a"],
      [79_999, tick],
      [80_000, tick],
      [99_999, tick],
      [100_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionWarned time", "sessionEnded time"],
  },
  {
    title: "a tap shortly before the end extends, and warns again",
    policy: short,
    moments: [
      [0, "a"],
      [80_000, tick],
      [81_000, "a"],
      [160_999, tick],
      [161_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionWarned time", "sessionExtended", "sessionWarned time"],
  },
  {
    title: "without extend it finishes",
    policy: { session: { maxSeconds: 100, warnSeconds: 20, extend: false } },
    moments: [
      [0, "a"],
      [81_000, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "a warning as long as the use leaves time in which a tap finishes",
    policy: { session: { maxSeconds: 100, warnSeconds: 3600 } },
    moments: [
      [0, "a"],
      [49_999, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "no maximum, no end",
    policy: { session: { maxSeconds: 0 } },
    moments: [
      [0, "a"],
      [1e9, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R3: a start permission opens again, the use goes on",
    policy: pulse,
    moments: [
      [0, "a"],
      [9_999, tick],
      [10_000, tick],
    ],
    state: "active",
    relay: "open",
    told: ["sessionStarted"],
  },
  {
    title: "R7: armed waits for the start button with the relay open",
    policy: button,
    moments: [
      [0, "a"],
      [59_999, tick],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "R7: the button starts it",
    policy: button,
    moments: [
      [0, "a"],
      [2_000, start],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R7: armed ends by itself",
    policy: button,
    moments: [
      [0, "a"],
      [60_000, start],
      [60_001, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded notStarted"],
  },
  {
    title: "R7: the holder can call it off",
    policy: button,
    moments: [
      [0, "a"],
      [1_000, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "R7: the button alone starts nothing",
    policy: button,
    moments: [
      [0, start],
      [1, end],
    ],
    state: "idle",
    told: [],
  },
  {
    title: "armed is free: someone else takes it over at once",
    policy: button,
    moments: [
      [0, "a"],
      [1_000, "b"],
      [2_000, start],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionEnded handover", "sessionStarted"],
  },
  {
    title: "a card that must stay in ends the use after its grace",
    policy: hold,
    moments: [
      [0, "a"],
      [5_000, away],
      [6_499, tick],
      [6_500, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded removal"],
  },
  {
    title: "put back within its grace it goes on",
    policy: hold,
    moments: [
      [0, "a"],
      [5_000, away],
      [5_300, "a"],
      [9_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R7: a card that was taken out cannot be started with",
    policy: { ...hold, ...button },
    moments: [
      [0, "a"],
      [1_000, away],
      [1_100, start],
    ],
    state: "armed card",
    told: ["sessionStarted"],
  },
  {
    title: "where a tap is enough, taking the card away means nothing",
    moments: [
      [0, "a"],
      [100, away],
      [60_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "handover refused",
    policy: { handover: "refuse" },
    moments: [
      [0, "a"],
      [1_000, "b"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "tapRefused MACHINE_IN_USE"],
  },
  {
    title: "handover free: one ends, the next starts, the relay stays closed",
    policy: { handover: "free" },
    moments: [
      [0, "a"],
      [1_000, "b"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionEnded handover", "sessionStarted"],
  },
  {
    title: "handover asks for a second tap while the first use runs on",
    moments: [
      [0, "a"],
      [1_000, "b"],
    ],
    state: "pending confirmation",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "handover confirmed",
    moments: [
      [0, "a"],
      [1_000, "b"],
      [1_400, "b"],
      [3_000, "b"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionEnded handover", "sessionStarted"],
  },
  {
    title: "handover not confirmed in time",
    moments: [
      [0, "a"],
      [1_000, "b"],
      [16_000, tick],
      [17_000, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "the first holder finishes while a handover waits: nobody's turn",
    moments: [
      [0, "a"],
      [1_000, "b"],
      [2_000, "a"],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
];

test.each(rows)("$title", (row) => {
  const { state, relay = "open", told } = row;
  expect(outcomeOf(row)).toEqual({ state, relay, told });
});

test("a handover that waits ends with the policy that allows it", () => {
  const { state } = live(policyOf(), [[0, "a"], [1_000, "b"]]); // prettier-ignore
  expect(state.kind).toBe("pending");
  expect(step(state, { kind: "policyChanged", atMs: 1_100 }, policyOf()).state.kind).toBe("pending");
  expect(step(state, { kind: "policyChanged", atMs: 1_100 }, policyOf({ handover: "refuse" })).state.kind).toBe(
    "active",
  );
});

test("a record of a use names its badge, its grants and its length", () => {
  const { records } = live(policyOf(), [[500, "a"], [2_000, "a"]]); // prettier-ignore
  expect(records[0]).toMatchObject({ holder: "a0000000", grants: [{ training: 1, level: 2 }], assurance: 2 });
  expect(records[1]).toMatchObject({ session: records[0]?.session, durationMs: 1_500, reason: "tap" });
});
