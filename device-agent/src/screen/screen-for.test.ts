import {
  DAY_MS,
  type FaultCode,
  type MachinePolicy,
  type MachinePolicyInput,
  badgeCodes,
  faultCodes,
  machinePolicySchema,
  tapCodes,
} from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type Moment, live, policyOf, startedUnder, wired } from "../interlock/interlock-fixture.js";
import { type InterlockState, STARTING } from "../interlock/interlock-state.js";
import type { Missing } from "../tap/tap-verdict.js";
import { english, german } from "./messages/messages.js";
import { type Notice, type ScreenContext, screenFor } from "./screen-for.js";

/** 2026-01-02, 13:40 UTC. */
const now = Date.UTC(2026, 0, 2, 13, 40);
const laser = { number: 1, name: "Laser cutter", url: "https://makerspace.example/laser" };

function shown(
  moments: readonly Moment[],
  given: { policy?: Partial<MachinePolicyInput>; context?: Partial<ScreenContext>; state?: InterlockState } = {},
): string {
  const policy = machinePolicySchema.parse({ name: "Laser cutter", ...given.policy });
  const nowMs = moments.at(-1)?.[0] ?? 0;
  const { headline, detail, next, tone } = screenFor(given.state ?? live(policy, moments).state, {
    messages: english,
    policy,
    timeZone: "UTC",
    now,
    nowMs,
    clock: "synced",
    stalenessMs: 0,
    ...given.context,
  });
  return `${tone}: ${[headline, detail, next].filter((part) => part !== "").join(" — ")}`;
}

const laserEnded = { code: "TRAINING_ENDED", training: laser, endedAt: now - DAY_MS } as const;
const lockout = { reason: "lens cracked", by: "staff-1", at: 0 };
const short = { session: { maxSeconds: 7200, warnSeconds: 300 } };

describe("states", () => {
  test.each<[string, string]>([
    [shown([]), "ready: Laser cutter — Ready — Tap your card to start"],
    [shown([], { policy: { presence: "hold" } }), "ready: Laser cutter — Ready — Put your card in to start"],
    [shown([], { state: STARTING }), "busy: Starting — One moment, please"],
    [
      // Wired anew while it runs: nobody knows yet how the contact stands, and a tap would be refused.
      shown([], { state: startedUnder(policyOf()), policy: { wiring: wired("emergencyStop") } }),
      "busy: Checking the machine — One moment, please",
    ],
    [shown([[0, "a"]], { policy: short }), "enabled: Enabled until 15:40 — Tap again to finish"],
    [
      shown([[0, "a"]], { policy: short, context: { timeZone: "America/New_York" } }),
      "enabled: Enabled until 10:40 — Tap again to finish",
    ],
    [
      shown([[0, "a"]], { policy: { session: { maxSeconds: 86_400 } } }),
      "enabled: Enabled until 3 Jan 2026, 13:40 — Tap again to finish",
    ],
    [
      shown([[0, "a"]], { policy: short, context: { clock: "untrusted" } }),
      "enabled: Enabled for 2 h 00 min — Tap again to finish",
    ],
    [shown([[0, "a"]], { policy: { session: { maxSeconds: 0 } } }), "enabled: Enabled — Tap again to finish"],
    [
      shown([[0, "a"]], { policy: { ...short, presence: "hold" } }),
      "enabled: Enabled until 15:40 — Take your card out to finish",
    ],
    [
      shown([[0, "a"], [1, { kind: "cardRemoved" }]], { policy: { presence: "hold" } }), // prettier-ignore
      "warning: Put your card back — or this use ends now",
    ],
    [
      shown([[0, "a"], [6_900_000, { kind: "tick" }]], { policy: short }), // prettier-ignore
      "warning: Enabled until 13:45 — Time is nearly up — Tap again to extend",
    ],
    [
      shown([[0, "a"], [6_900_000, { kind: "tick" }]], { policy: { session: { ...short.session, extend: false } } }), // prettier-ignore
      "warning: Enabled until 13:45 — Time is nearly up — Tap again to finish",
    ],
    [
      shown([[0, "a"], [0, { kind: "outOfServiceSet", when: "whenFree", lockout }]], { policy: short }), // prettier-ignore
      "warning: Enabled until 15:40 — Out of service after this use — Tap again to finish",
    ],
    [
      shown([[0, "a"], [0, { kind: "badgeStatusChanged", status: "withdrawn" }]], { policy: short }), // prettier-ignore
      "warning: Enabled until 13:50 — Finish your work, then see staff — Tap again to finish",
    ],
    [
      shown([[0, "a"]], { policy: { startButton: true } }),
      "busy: Press start — Your card is accepted — Press the start button",
    ],
    [
      shown([[0, "a"], [1000, "b"]]), // prettier-ignore
      "warning: Someone is still signed on — Make sure that the machine is free — Tap your card again to take over",
    ],
    [
      shown([[0, { kind: "outOfServiceSet", when: "now", lockout }]], { policy: { contact: "Ada, room 3" } }),
      "outOfService: Out of service — lens cracked — Please tell staff: Ada, room 3",
    ],
    [
      shown([[0, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }]]),
      "attention: Needs attention — The card reader is gone — Please tell staff",
    ],
    [
      shown([], { context: { stalenessMs: 2 * DAY_MS } }),
      "ready: Laser cutter — Works without contact until 7 Jan 2026, 13:40 — Tap your card to start",
    ],
    [
      shown([], { context: { hindrance: "LISTS_STALE" } }),
      "attention: Cannot be used now — No contact with the server for too long — Please tell staff",
    ],
    [
      shown([], { context: { hindrance: "CLOCK_UNTRUSTED" }, policy: { contact: "Ada" } }),
      "attention: Cannot be used now — Clock not confirmed — Please tell staff: Ada",
    ],
    [
      shown([], { context: { hindrance: "TRUST_EXPIRED" } }),
      "attention: Cannot be used now — Its lists have ended and were not renewed — Please tell staff",
    ],
    [
      shown([], { context: { hindrance: "OUTSIDE_SCHEDULE" } }),
      "busy: Closed now — Outside the hours of this machine — Come back in its hours",
    ],
    [
      shown([], { context: { policy: undefined } }),
      "attention: Not set up yet — This machine has no rules yet — Ask staff",
    ],
    [
      shown([[0, "a"]], { policy: short, context: { timeZone: "Mars/Olympus" } }),
      "enabled: Enabled until 15:40 — Tap again to finish",
    ],
  ])("%s", (view, expected) => {
    expect(view).toBe(expected);
  });
});

describe("refusals", () => {
  const refusal = (...missing: [Missing, ...Missing[]]) =>
    shown([], { context: { notice: { kind: "refused", missing } } });

  test("say what is missing and where to get it", () => {
    expect(refusal({ code: "TRAINING_MISSING", training: laser, level: 2 })).toBe(
      "refused: Training needed — Laser cutter — Book it: https://makerspace.example/laser",
    );
    expect(refusal({ code: "TRAINING_ENDED", training: { ...laser, url: "" }, endedAt: now - DAY_MS })).toBe(
      "refused: Training ended — Laser cutter ended on 1 Jan 2026 — Ask staff where to book it",
    );
    expect(refusal({ code: "LEVEL_TOO_LOW", training: laser, level: 2 })).toBe(
      "refused: More training needed — Laser cutter as user — Book it: https://makerspace.example/laser",
    );
    expect(
      refusal(
        { code: "TRAINING_MISSING", training: laser, level: 2 },
        { code: "TRAINING_MISSING", training: { ...laser, name: "Fire watch" } },
      ),
    ).toContain("Laser cutter. Also needed: Fire watch");
    expect(refusal({ code: "BADGE_EXPIRED", endedAt: now - DAY_MS })).toBe(
      "refused: Your card has ended — It ended on 1 Jan 2026 — Have it renewed at the desk",
    );
  });

  test("withdrawn and on hold look alike and say nothing of why", () => {
    expect(refusal({ code: "BADGE_REVOKED" })).toBe("refused: Please see staff");
    expect(refusal({ code: "BADGE_SUSPENDED" })).toBe(refusal({ code: "BADGE_REVOKED" }));
  });

  test("every code has plain words: no codes, none of the words that people never read", () => {
    const forbidden = /[A-Z]{2,}_|operator|lockout|interlock|verdict|relay|agent|gateway|issuer|grant|level|journal/i;
    for (const code of [...Object.keys(tapCodes), ...Object.keys(badgeCodes)] as Missing["code"][]) {
      const view = refusal({ code });
      expect(view.length).toBeGreaterThan(10);
      expect(view).not.toMatch(forbidden);
    }
  });
});

describe("in every language", () => {
  const hold = { presence: "hold" } as const;
  const busyAtRest: Moment = [0, "-busy"];
  const states: Readonly<Record<string, InterlockState>> = {
    starting: STARTING,
    idle: live(policyOf(), []).state,
    "waits for the start button": live(policyOf({ startButton: true }), [[0, "a"]]).state,
    "waits for a trainer": live(policyOf(), [[0, "t"]]).state,
    "waits for the card": live(policyOf(hold), [[0, "t"], [1000, { kind: "cardRemoved" }], [2000, "T"]]).state, // prettier-ignore
    "waits for the extraction": live(policyOf({ runOn: { seconds: 9, feedback: true }, wiring: wired("extraction") }), [[0, "a"]]).state, // prettier-ignore
    active: live(policyOf(), [[0, "a"]]).state,
    "with a trainer": live(policyOf(), [[0, "t"], [1000, "T"]]).state, // prettier-ignore
    "trainer gone": live(policyOf(), [[0, "t"], [1000, "T"], [60_000, "T"]]).state, // prettier-ignore
    "at rest": live(policyOf({ session: { idleSeconds: 60 }, wiring: wired("busy") }), [busyAtRest, [1, "a"]]).state,
    withdrawn: live(policyOf(), [[0, "a"], [1, { kind: "badgeStatusChanged", status: "withdrawn" }]]).state, // prettier-ignore
    removed: live(policyOf(hold), [[0, "a"], [1, { kind: "cardRemoved" }]]).state, // prettier-ignore
    "to be confirmed": live(policyOf(), [[0, "a"], [1000, "b"]]).state, // prettier-ignore
    "out of service": live(policyOf(), [[0, { kind: "outOfServiceSet", when: "now", lockout }]]).state,
    ...Object.fromEntries(
      (Object.keys(faultCodes) as FaultCode[]).map((fault) => [
        fault,
        live(policyOf(), [[0, { kind: "faultRaised", fault, severity: "openNow" }]]).state,
      ]),
    ),
  };
  const notices: readonly Notice[] = [
    { kind: "finished", durationMs: 1 },
    { kind: "interrupted" },
    { kind: "takeCardAway" },
    { kind: "waitsForCard", job: "read" },
    { kind: "waitsForCard", job: "write" },
    { kind: "cardDone", job: "read" },
    { kind: "cardDone", job: "write" },
    { kind: "cardAgain" },
    { kind: "cardWrong" },
    { kind: "reported" },
    { kind: "here" },
    ...([...Object.keys(tapCodes), ...Object.keys(badgeCodes)] as Missing["code"][]).map((code): Notice => ({
      kind: "refused",
      missing: [{ code }],
    })),
  ];
  const given = { timeZone: "UTC", now, nowMs: 61_000, clock: "synced", stalenessMs: 0 } as const;

  test.each([english, german])("$name: each state and notice has a headline, and never a code", (messages) => {
    const policies = [undefined, policyOf({ session: { idleSeconds: 60 }, wiring: wired("busy", "emergencyStop") })];
    for (const policy of policies) {
      for (const [name, state] of Object.entries(states)) {
        for (const clock of ["synced", "untrusted"] as const) {
          const view = screenFor(state, { ...given, messages, policy, clock });
          expect(view.headline, name).not.toBe("");
          expect(JSON.stringify(view), name).not.toMatch(/[A-Z]{2,}_|\{\w+\}|undefined|NaN|staff-1/);
        }
      }
      for (const notice of notices) {
        const view = screenFor(live(policyOf(), []).state, { ...given, messages, policy, notice });
        expect(view.headline, JSON.stringify(notice)).not.toBe("");
        expect(JSON.stringify(view)).not.toMatch(/[A-Z]{2,}_|\{\w+\}|undefined|NaN/);
      }
    }
  });

  test("German tells dates and times as people there write them, in the site's time zone", () => {
    const policy = policyOf({ session: { maxSeconds: 86_400 } });
    const { state } = live(policy, [[0, "a"]]);
    const place = { messages: german, timeZone: "Europe/Berlin" };
    const view = screenFor(state, { ...given, ...place, policy, nowMs: 0 });
    expect([view.headline, view.next]).toEqual(["Freigegeben bis 3. Jan. 2026, 14:40", "Zum Beenden Karte vorhalten"]);
    const missing = [{ code: "TRAINING_ENDED", training: laser, endedAt: now - DAY_MS }] as const;
    const refusal = screenFor(states["idle"] ?? STARTING, {
      ...given,
      messages: german,
      notice: { kind: "refused", missing },
    });
    expect(refusal.detail).toBe("Laser cutter ist am 1. Jan. 2026 abgelaufen");
  });
});

describe("what goes with a view", () => {
  const context = { messages: english, timeZone: "UTC", now, nowMs: 0, clock: "synced", stalenessMs: 0 } as const;
  const idle = live(policyOf(), []).state;

  test("all missing trainings at once, each with why and where, and whom to ask; over eight by their number", () => {
    const missing = Array.from({ length: 10 }, (_, number): Missing => {
      const training = { number, name: `Training ${number}`, url: number === 1 ? "" : `https://x.example/${number}` };
      return { code: "TRAINING_MISSING", training, level: 2 };
    });
    const notice: Notice = { kind: "refused", missing: [{ ...laserEnded }, ...missing] };
    const view = screenFor(idle, { ...context, policy: policyOf({ contact: "Ada, room 3" }), notice });
    expect(view.headline).toBe("Trainings needed");
    expect(view.missing?.trainings.slice(0, 3)).toEqual([
      { name: "Laser cutter", why: "Ended on 1 Jan 2026", url: laser.url },
      { name: "Training 0", why: "Needed here", url: "https://x.example/0" },
      { name: "Training 1", why: "Needed here", url: "" },
    ]);
    expect([view.missing?.trainings.length, view.missing?.more]).toEqual([8, "and 3 more"]);
    expect(view.missing?.next).toBe("Scan to book. Ask: Ada, room 3");
  });

  test("what holds beside the state: lists, clock, watch only, bypass, a reader that is gone", () => {
    const policy = policyOf({
      mode: { kind: "warnOnly", until: now + DAY_MS, reason: "" },
      wiring: wired("bypassKey"),
    });
    const state = live(policy, [[0, "a"], [1, { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" }], [2, "+bypassKey"]]).state; // prettier-ignore
    const notes = (given: Partial<ScreenContext>): readonly string[] =>
      screenFor(state, { ...context, policy, nowMs: 2, ...given }).notes?.map(({ text }) => text) ?? [];
    expect(notes({ stalenessMs: 2 * DAY_MS })).toEqual([
      "Watch only until 3 Jan 2026, 13:40",
      "Works without contact until 7 Jan 2026, 13:40",
      "Card reader gone: use the end button",
      "Bypass in use",
    ]);
    // What ends by the clock counts as ended while nobody can tell the time.
    expect(notes({ clock: "untrusted" })[0]).toBe("Clock not confirmed");
  });

  test("open to everyone: until when, and how to start", () => {
    const mode = { kind: "unrestrictedUntil", until: now + 3_600_000, reason: "open day" } as const;
    const view = (policy: MachinePolicy) => screenFor(idle, { ...context, policy });
    expect(view(policyOf({ mode }))).toMatchObject({
      detail: "Open to everyone until 14:40",
      next: "Tap any card to start",
    });
    expect(view(policyOf({ mode, wiring: wired("startButton") })).next).toBe("Press the start button");
    expect(view(policyOf({ mode: { ...mode, until: now } })).detail).toBe("Ready");
  });

  test("the end button while there is a use, also without a reader; problems always", () => {
    const view = (moments: readonly Moment[]) =>
      screenFor(live(policyOf(), moments).state, { ...context, policy: policyOf() });
    expect([view([]).canEnd, view([[0, "a"]]).canEnd]).toEqual([false, true]);
    expect(view([]).problems).toEqual([
      "Something is broken",
      "It does not feel safe",
      "It works badly",
      "Something is used up or missing",
    ]);
    const own = policyOf({ problem: { reasons: ["Lens dirty"] } });
    expect(screenFor(idle, { ...context, policy: own }).problems).toEqual(["Lens dirty"]);
  });

  test("a running use is the same view all the time until something is to be told", () => {
    const policy = policyOf({ session: { maxSeconds: 3600, warnSeconds: 300 } });
    const { state } = live(policy, [[0, "a"]]);
    const at = (nowMs: number) => JSON.stringify(screenFor(state, { ...context, policy, now: now + nowMs, nowMs }));
    const views = new Set(Array.from({ length: 3_300 }, (_, second) => at(second * 1000)));
    expect(views.size).toBe(1);
    expect(JSON.parse([...views][0] ?? "")).toMatchObject({ untilMs: 3_600_000, headline: "Enabled until 14:40" });
    expect(JSON.parse(at(3_300_000))).toMatchObject({ tone: "warning", detail: "Time is nearly up" });
  });

  test("R13: the emergency stop says how it is reset, once it is released", () => {
    const policy = policyOf({ wiring: wired("emergencyStop") });
    const pressed = live(policy, [[0, "+emergencyStop"]]).state;
    expect(screenFor(pressed, { ...context, policy })).toMatchObject({
      detail: "The emergency stop is pressed",
      next: "When all is safe: release it",
    });
    const released = live(policy, [[1000, "-emergencyStop"]], pressed).state;
    expect(screenFor(released, { ...context, policy, nowMs: 1000 }).next).toBe(
      "When all is safe: tap your card to reset",
    );
  });

  test("an overrun names no end: its hard one lies hours ahead, and nobody shall plan with it", () => {
    const policy = policyOf({ session: { maxSeconds: 600 }, wiring: wired("busy") });
    const { state } = live(policy, [[0, "a"], [1, "+busy"], [700_000, { kind: "tick" }]]); // prettier-ignore
    const view = screenFor(state, { ...context, policy, nowMs: 700_000 });
    expect(view).toMatchObject({ tone: "warning", headline: "Enabled", detail: "Time is up: finish this job now" });
    expect(view.untilMs).toBeUndefined();
  });
});

test("a finished use says how long it was", () => {
  const notice = { kind: "finished", durationMs: 3_900_000 } as const;
  expect(shown([], { context: { notice } })).toBe(
    "ready: Finished — Used for 1 h 05 min — Leave the machine tidy, please",
  );
});
