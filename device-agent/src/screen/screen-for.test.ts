import { DAY_MS, type MachinePolicyInput, badgeCodes, machinePolicySchema, tapCodes } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { type Moment, live } from "../interlock/interlock-fixture.js";
import { type InterlockState, STARTING } from "../interlock/interlock-state.js";
import type { Missing } from "../tap/tap-verdict.js";
import { english } from "./messages/messages.js";
import { type ScreenContext, screenFor } from "./screen-for.js";

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

const lockout = { reason: "lens cracked", by: "staff-1", at: 0 };
const short = { session: { maxSeconds: 7200, warnSeconds: 300 } };

describe("states", () => {
  test.each<[string, string]>([
    [shown([]), "ready: Laser cutter — Ready — Tap your card to start"],
    [shown([], { policy: { presence: "hold" } }), "ready: Laser cutter — Ready — Put your card in to start"],
    [shown([], { state: STARTING }), "busy: Starting — One moment, please"],
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
      shown([], { context: { stalenessMs: 8 * DAY_MS } }),
      "attention: Cannot be used now — No contact with the server for too long — Ask staff",
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

test("a finished use says how long it was", () => {
  const notice = { kind: "finished", durationMs: 3_900_000 } as const;
  expect(shown([], { context: { notice } })).toBe(
    "ready: Finished — Used for 1 h 05 min — Leave the machine tidy, please",
  );
});
