import { describe, expect, test } from "vitest";
import { type Row, live, outcomeOf, policyOf, toldBy, wired } from "./interlock-fixture.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

const tick = { kind: "tick" } as const;
const removed = { kind: "cardRemoved" } as const;
const withdrawn = { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" } as const;
const refused = (key: string) => ({ kind: "tapRefused", key }) as const;
const hold = { presence: "hold" } as const;
const button = { startButton: true, wiring: wired("startButton") } as const;
const trainer = { supervision: { mode: "allowed" } } as const;

const rows: readonly Row[] = [
  {
    title: "a trainer's refused co-tap at his own machine, told twice by a bouncing reader, does not end his use",
    policy: trainer,
    moments: [
      [0, "T"],
      [60_000, "t"],
      [61_000, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }],
      [70_000, "T"],
      [70_150, "T"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "faultRaised READER_LOST", "tapRefused MACHINE_IN_USE"],
  },
  {
    title: "a card that must stay in, put back in no time, is back: no bounce keeps it from counting",
    policy: hold,
    moments: [
      [0, "a"],
      [200, removed],
      [500, "a"],
      [60_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "taken out once and for all, it ends the use, and reported twice not later",
    policy: hold,
    moments: [
      [0, "a"],
      [1_000, removed],
      [2_000, removed],
      [2_500, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded removal"],
  },
  {
    title: "R7: taken out before the press, it has to come back before the machine starts",
    policy: { ...hold, ...button },
    moments: [
      [0, "a"],
      [200, removed],
      [300, "+startButton"],
    ],
    state: "armed card",
    told: ["sessionStarted"],
  },
  {
    title: "R7: put back in no time, it may start",
    policy: { ...hold, ...button },
    moments: [
      [0, "a"],
      [200, removed],
      [500, "a"],
      [600, "+startButton"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "a bouncing card does not take back what it armed",
    policy: button,
    moments: [
      [0, "a"],
      [300, "a"],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "nobody presses: it is over after a minute, not earlier",
    policy: button,
    moments: [
      [0, "a"],
      [59_999, tick],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "nobody presses",
    policy: button,
    moments: [
      [0, "a"],
      [60_000, tick],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded notStarted"],
  },
  {
    title: "a good badge that is told to be good goes on waiting for the press",
    policy: button,
    moments: [
      [0, "a"],
      [1_000, { kind: "badgeStatusChanged", status: "good" }],
    ],
    state: "armed startButton",
    told: ["sessionStarted"],
  },
  {
    title: "a trainee's bouncing card does not send the trainee away, not even where cards stay in",
    policy: { ...hold, ...trainer },
    moments: [
      [0, "t"],
      [300, "t"],
    ],
    state: "armed coTap",
    told: [],
  },
  {
    title: "a trainee who is refused meanwhile waits no longer",
    policy: trainer,
    moments: [
      [0, "t"],
      [1_500, refused("t")],
    ],
    state: "idle",
    told: ["tapRefused SUPERVISION_REQUIRED"],
  },
  {
    title: "somebody else who is refused sends nobody away",
    policy: trainer,
    moments: [
      [0, "t"],
      [1_500, refused("x")],
    ],
    state: "armed coTap",
    told: [],
  },
  {
    title: "a trainer who is refused by now still leaves",
    policy: trainer,
    moments: [
      [0, "t"],
      [1_500, "T"],
      [3_000, refused("T")],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "supervisionStarted", "supervisionEnded tap"],
  },
  {
    title: "another refused card ends no supervision",
    policy: trainer,
    moments: [
      [0, "t"],
      [1_500, "T"],
      [3_000, refused("x")],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "supervisionStarted"],
  },
  {
    title: "refused by now, the holder can still finish, but not by a bounce of the first tap",
    moments: [
      [0, "a"],
      [300, refused("a")],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "refused by now, the holder can still finish",
    moments: [
      [0, "a"],
      [1_500, refused("a")],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "where cards stay in, a refusal ends nothing: taking it out does",
    policy: hold,
    moments: [
      [0, "a"],
      [1_500, refused("a")],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "who is asked whether to take over and is refused by now does not take over",
    moments: [
      [0, "a"],
      [5_000, "b"],
      [6_500, refused("b")],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "a third person's refusal changes nothing about taking over",
    moments: [
      [0, "a"],
      [5_000, "b"],
      [6_500, refused("c")],
    ],
    state: "pending confirmation",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "whose use it is can finish it while somebody is asked whether to take over",
    moments: [
      [0, "a"],
      [5_000, "b"],
      [6_500, refused("a")],
    ],
    state: "idle",
    told: ["sessionStarted", "sessionEnded tap"],
  },
  {
    title: "the window of a bouncing card slides: it confirms no handover",
    moments: [
      [0, "a"],
      [5_000, "b"],
      [5_500, "b"],
      [6_000, "b"],
    ],
    state: "pending confirmation",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "what happens to the running use does not forget who wants to take over",
    moments: [
      [0, "a"],
      [5_000, "b"],
      [5_500, withdrawn],
      [7_000, "b"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED", "sessionEnded handover", "sessionStarted"],
  },
  {
    title: "where cards stay in, no trainer's card stands in for the trainee's at a handover",
    policy: { ...hold, ...trainer },
    moments: [
      [0, "a"],
      [5_000, "t"],
      [6_500, "T"],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "tapRefused MACHINE_IN_USE"],
  },
  {
    title: "R3: a start permission lasts as long as its pulse",
    policy: { wiring: { output: "pulse", pulseSeconds: 10 } },
    moments: [
      [0, "a"],
      [9_999, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted"],
  },
  {
    title: "R3: and no longer, while the use goes on",
    policy: { wiring: { output: "pulse", pulseSeconds: 10 } },
    moments: [
      [0, "a"],
      [10_000, tick],
    ],
    state: "active",
    told: ["sessionStarted"],
  },
  {
    title: "R11: the extraction has ten seconds to prove itself",
    policy: { runOn: { seconds: 60, feedback: true }, wiring: wired("extraction") },
    moments: [
      [0, "a"],
      [9_999, tick],
    ],
    state: "armed extraction",
    told: ["sessionStarted"],
  },
  {
    title: "R10: at a machine without any clock of its own a withdrawn badge ends when it is next not busy, in time",
    policy: { session: { maxSeconds: 0 }, wiring: wired("busy") },
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
    title: "R10: where the use has an end anyway, that is its end",
    policy: { session: { maxSeconds: 7_200, warnSeconds: 0 }, wiring: wired("busy") },
    moments: [
      [0, "a"],
      [1_000, withdrawn],
      [1_300_000, tick],
    ],
    state: "active",
    relay: "closed",
    told: ["sessionStarted", "sessionWarned withdrawn BADGE_REVOKED"],
  },
];

describe("cards that come again, go, or are refused by now", () => {
  for (const row of rows) {
    test(row.title, () => {
      expect(outcomeOf(row)).toEqual({ state: row.state, relay: row.relay ?? "open", told: row.told });
    });
  }
});

test("a handover that a new policy no longer allows cannot be confirmed any more; one that it allows can", () => {
  const asked = live(policyOf(), [
    [0, "a"],
    [5_000, "b"],
  ]).state;
  const after = (handover: "refuse" | "confirm" | "free") =>
    step(asked, { kind: "policyChanged", atMs: 6_000 }, policyOf({ handover })).state.kind;
  expect([after("refuse"), after("confirm"), after("free")]).toEqual(["active", "pending", "active"]);
});

test("R10: a withdrawn badge asks for a controlled stop only where the policy says so", () => {
  const stops = (whenRevoked: "finishThenLock" | "controlledStop", contacts: object = {}) => {
    const policy = policyOf({ whenRevoked, ...contacts });
    return outputsFor(
      live(policy, [
        [0, "a"],
        [1_000, withdrawn],
      ]).state,
      policy,
    ).stop;
  };
  const busy = { wiring: wired("busy") };
  expect([stops("finishThenLock"), stops("finishThenLock", busy), stops("controlledStop")]).toEqual([
    false,
    false,
    true,
  ]);
});

test("who cleared a fault is told; what cleared by itself names nobody, and the others stay", () => {
  const fault = (code: "RELAY_STUCK" | "STORAGE_FULL") =>
    ({ kind: "faultRaised", fault: code, severity: "whenIdle" }) as const;
  const story = live(policyOf(), [
    [0, fault("RELAY_STUCK")],
    [1, fault("STORAGE_FULL")],
    [2, { kind: "faultCleared", fault: "RELAY_STUCK", by: "staff-1" }],
    [3, "a"],
    [4, { kind: "faultCleared", fault: "STORAGE_FULL" }],
  ]);
  expect(toldBy(story).slice(2)).toEqual([
    "faultCleared RELAY_STUCK",
    "tapRefused MACHINE_FAULTED",
    "faultCleared STORAGE_FULL",
  ]);
  expect(
    story.records.filter(({ kind }) => kind === "faultCleared").map((record) => ["by" in record, record.by]),
  ).toEqual([
    [true, "staff-1"],
    [false, undefined],
  ]);
});
