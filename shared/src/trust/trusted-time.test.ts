import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS } from "../badge/badge.js";
import { TEST_EPOCH, testSite } from "../testing/test-site.js";
import { signTimeAnswer } from "./heartbeat.js";
import {
  HOUR_MS,
  type TrustedClock,
  clockAtBoot,
  floorNow,
  raiseFloor,
  recheckBatteryClock,
  synced,
  trustedNow,
  withBatteryClock,
} from "./trusted-time.js";

const AT = TEST_EPOCH;
const MINUTE_MS = 60_000;
const YEARS_MS = 3650 * DAY_MS;
const jumps: readonly (readonly [string, number])[] = [
  ["1 h", HOUR_MS],
  ["1 day", DAY_MS],
  ["10 years", YEARS_MS],
];

function booted(): TrustedClock {
  return clockAtBoot(AT, AT, 0);
}

describe("R15: the floor", () => {
  test("is never lowered by signed time", () => {
    const raised = raiseFloor(booted(), AT + HOUR_MS, 0);
    expect(raiseFloor(raised, AT, 10)).toBe(raised);
    expect(trustedNow(raised, 10)).toBe(AT + HOUR_MS + 10);
    expect(trustedNow(raised, 10.7)).toBe(AT + HOUR_MS + 10);
  });

  test("a battery clock never raises what is persisted: set wrong once, it does not spoil the time for ever", () => {
    const wrong = withBatteryClock(booted(), AT + 300 * DAY_MS, 0);
    expect(wrong.state).toBe("holdover");
    expect(trustedNow(wrong, 0)).toBe(AT + 300 * DAY_MS);
    expect(floorNow(wrong, HOUR_MS)).toBe(AT + HOUR_MS);
    expect(trustedNow(synced(wrong, AT + HOUR_MS, HOUR_MS), HOUR_MS)).toBe(AT + HOUR_MS);
  });

  test("whatever is told in whatever order, what is persisted never goes back, nor does the time between answers", () => {
    const told = fc.record({
      kind: fc.constantFrom("signed", "battery", "recheck", "pass"),
      ms: fc.integer({ min: -20 * YEARS_MS, max: 20 * YEARS_MS }),
    });
    fc.assert(
      fc.property(fc.array(told, { maxLength: 30 }), (facts) => {
        let clock = booted();
        let monotonicMs = 0;
        for (const { kind, ms } of facts) {
          const before = [floorNow(clock, monotonicMs), trustedNow(clock, monotonicMs)] as const;
          if (kind === "signed") clock = raiseFloor(clock, AT + ms, monotonicMs);
          if (kind === "battery") clock = withBatteryClock(clock, AT + ms, monotonicMs);
          if (kind === "recheck") clock = recheckBatteryClock(clock, AT + ms, monotonicMs);
          if (kind === "pass") monotonicMs += Math.abs(ms);
          expect(floorNow(clock, monotonicMs)).toBeGreaterThanOrEqual(before[0]);
          expect(trustedNow(clock, monotonicMs)).toBeGreaterThanOrEqual(before[1]);
        }
      }),
    );
  });
});

describe("R17: the clock's state", () => {
  test.each(jumps)("a battery clock %s behind the floor proves nothing", (_what, ms) => {
    const clock = withBatteryClock(booted(), AT - ms, 0);
    expect([clock.state, trustedNow(clock, 0)]).toEqual(["untrusted", AT]);
  });

  test("a boot at 1970 proves nothing", () => {
    expect(withBatteryClock(booted(), 0, 0)).toEqual(booted());
  });

  test("a battery clock a little behind the floor carries the time: they drift", () => {
    const clock = withBatteryClock(booted(), AT - MINUTE_MS, 0);
    expect([clock.state, trustedNow(clock, 0)]).toEqual(["holdover", AT]);
  });

  test("a battery clock further ahead than any list lasts proves nothing", () => {
    expect(withBatteryClock(booted(), AT + YEARS_MS, 0).state).toBe("untrusted");
  });

  test.each(jumps)(
    "in holdover a battery clock that jumps by %s, ahead or back, ends the trust, and moves no time",
    (_what, ms) => {
      const clock = withBatteryClock(booted(), AT + DAY_MS, 0);
      for (const jumpMs of [ms, -ms]) {
        const after = recheckBatteryClock(clock, AT + DAY_MS + HOUR_MS + jumpMs, HOUR_MS);
        expect([after.state, trustedNow(after, HOUR_MS)]).toEqual(["untrusted", AT + DAY_MS + HOUR_MS]);
      }
    },
  );

  test("in holdover a battery clock that is gone ends the trust; one that drifts by four minutes does not", () => {
    const clock = withBatteryClock(booted(), AT, 0);
    expect(recheckBatteryClock(clock, undefined, HOUR_MS).state).toBe("untrusted");
    expect(recheckBatteryClock(clock, AT + HOUR_MS + 4 * MINUTE_MS, HOUR_MS)).toBe(clock);
  });

  test("once the gateway has answered, no battery clock matters", () => {
    const clock = synced(booted(), AT + HOUR_MS, 0);
    expect(recheckBatteryClock(clock, 0, HOUR_MS)).toBe(clock);
    expect(withBatteryClock(clock, AT + YEARS_MS, HOUR_MS)).toBe(clock);
  });

  test("trust that was lost does not come back with the battery clock, only with an answer", () => {
    const lost = recheckBatteryClock(withBatteryClock(booted(), AT, 0), AT + DAY_MS, 0);
    expect(recheckBatteryClock(lost, AT, 0).state).toBe("untrusted");
    expect(synced(lost, AT, 0).state).toBe("synced");
  });

  test("power-cycling cannot freeze time: what is persisted grows by the powered-on time of each boot", () => {
    let floorAt = AT;
    for (let boot = 0; boot < 1_000; boot++)
      floorAt = floorNow(clockAtBoot(floorAt, AT, 5_000), 5_000 + 10 * MINUTE_MS);
    expect(floorAt).toBe(AT + 10_000 * MINUTE_MS);
  });
});

describe("R17: answers of the gateway", () => {
  const nonce = new Uint8Array(16).fill(1);

  function answered(ms: number, clock: (before: TrustedClock) => TrustedClock = (before) => before) {
    const site = testSite();
    const client = site.client();
    client.setClock(clock(client.clock));
    client.askTime(nonce, 0);
    const answer = { now: AT + ms, nonce, heartbeatVersion: 1, agent: "laser-1" };
    const { outcome } = client.answerTime(signTimeAnswer(answer, site.site, site.keys.online), 0);
    return { outcome, state: client.clock.state, now: client.now(0) };
  }

  test.each([
    ["an hour", HOUR_MS],
    ["a day", DAY_MS],
    ["a year", 365 * DAY_MS],
  ])("%s ahead of floor and uptime: believed, and confirmed from then on", (_what, ms) => {
    expect(answered(ms)).toEqual({ outcome: "accepted", state: "synced", now: AT + ms });
  });

  test("ten years ahead, past the end of the trust list: refused, and the clock counts as unconfirmed", () => {
    expect(answered(YEARS_MS)).toEqual({ outcome: "TIME_IMPLAUSIBLE", state: "untrusted", now: AT });
  });

  test.each(jumps)("%s back: refused, the time stays, and the clock counts as unconfirmed", (_what, ms) => {
    expect(answered(-ms)).toEqual({ outcome: "TIME_IMPLAUSIBLE", state: "untrusted", now: AT });
  });

  test("four minutes back: within what clocks drift; the time stays", () => {
    expect(answered(-4 * MINUTE_MS)).toEqual({ outcome: "accepted", state: "synced", now: AT });
  });

  test("an answer corrects a battery clock that was a year ahead", () => {
    const ahead = (clock: TrustedClock) => withBatteryClock({ ...clock, state: "untrusted" }, AT + 365 * DAY_MS, 0);
    expect(answered(HOUR_MS, ahead)).toEqual({ outcome: "accepted", state: "synced", now: AT + HOUR_MS });
  });
});
