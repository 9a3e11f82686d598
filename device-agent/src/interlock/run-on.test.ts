import { expect, test } from "vitest";
import { live, policyOf, wired } from "./interlock-fixture.js";
import { outputsFor } from "./outputs-for.js";
import { RUN_ON_OFF, type RunOn, runsOn, stepRunOn } from "./run-on.js";

const policy = policyOf({ runOn: { seconds: 60 } });
const on: RunOn = { kind: "on", afterMs: 60_000 };

test.each<[string, RunOn, boolean, number, RunOn]>([
  ["off, and not wanted", RUN_ON_OFF, false, 5, RUN_ON_OFF],
  ["wanted", RUN_ON_OFF, true, 5, on],
  ["still wanted", on, true, 5, on],
  ["not wanted any more", on, false, 1_000, { kind: "after", untilMs: 61_000 }],
  ["running on", { kind: "after", untilMs: 61_000 }, false, 60_999, { kind: "after", untilMs: 61_000 }],
  ["run on for its seconds", { kind: "after", untilMs: 61_000 }, false, 61_000, RUN_ON_OFF],
  ["wanted again while it runs on", { kind: "after", untilMs: 61_000 }, true, 60_000, on],
  ["no seconds, no running on", { kind: "on", afterMs: 0 }, false, 5, RUN_ON_OFF],
])("%s", (_title, from, wanted, atMs, to) => {
  expect(stepRunOn(from, { wanted, atMs }, policy)).toEqual(to);
});

test("only off is off", () => {
  expect([RUN_ON_OFF, on, { kind: "after", untilMs: 1 } as const].map(runsOn)).toEqual([false, true, true]);
});

test("R11: a policy that knows no extraction any more does not cut the one that runs on", () => {
  const after = stepRunOn(on, { wanted: false, atMs: 0 }, policyOf());
  expect(after).toEqual({ kind: "after", untilMs: 60_000 });
  expect(stepRunOn(after, { wanted: false, atMs: 59_999 }, policyOf())).toBe(after);
  expect(stepRunOn(RUN_ON_OFF, { wanted: true, atMs: 0 }, policyOf())).toEqual({ kind: "on", afterMs: 0 });
});

test.each([
  ["a withdrawn badge", { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" }],
  ["the emergency stop", "+emergencyStop"],
  ["out of service now", { kind: "outOfServiceSet", when: "now", lockout: { reason: "x", by: "staff-1", at: 0 } }],
  ["the holder's end", { kind: "endPressed" }],
] as const)("R11: the extraction runs on for its time after %s has opened the relay", (_what, event) => {
  const guarded = policyOf({ runOn: { seconds: 60 }, whenRevoked: "cutNow", wiring: wired("emergencyStop") });
  const used = live(guarded, [[0, "a"]]); // prettier-ignore
  const over = live(guarded, [[5_000, event]], used.state);
  expect(outputsFor(over.state, guarded)).toEqual({ relay: "open", runOn: false, stop: false });
  const running = stepRunOn(RUN_ON_OFF, { wanted: outputsFor(used.state, guarded).runOn, atMs: 0 }, guarded);
  const after = stepRunOn(running, { wanted: outputsFor(over.state, guarded).runOn, atMs: 5_000 }, guarded);
  expect(after).toEqual({ kind: "after", untilMs: 65_000 });
});
