import { type MachinePolicy, type MachinePolicyInput, machinePolicySchema } from "@badgekey/shared";
import { expect, test } from "vitest";
import { modeInForce, policyInForce } from "./mode-in-force.js";
import { opensToEveryone } from "./opens-to-everyone.js";
import type { Missing } from "./tap-verdict.js";

const UNTIL = 1_767_225_600_000;
const policyWith = (mode: MachinePolicyInput["mode"]) => machinePolicySchema.parse({ name: "M", mode });
const watching = policyWith({ kind: "warnOnly", until: UNTIL, reason: "trial" });
const open = policyWith({ kind: "unrestrictedUntil", until: UNTIL, reason: "open day" });
const enforcing = policyWith({ kind: "enforce" });

test.each([
  ["watch only, in its time", watching, UNTIL - 1, "synced", "warnOnly"],
  ["watch only, by a battery clock", watching, UNTIL - 1, "holdover", "warnOnly"],
  ["watch only, over", watching, UNTIL, "synced", "enforce"],
  ["R17: watch only, and nobody knows the time", watching, UNTIL - 1, "untrusted", "enforce"],
  ["open, in its time", open, UNTIL - 1, "synced", "unrestrictedUntil"],
  ["open, over", open, UNTIL, "holdover", "enforce"],
  ["R17: open, and nobody knows the time", open, 0, "untrusted", "enforce"],
  ["enforced", enforcing, UNTIL, "untrusted", "enforce"],
] as const)("%s", (_title, policy, now, clock, kind) => {
  expect(modeInForce(policy, now, clock).kind).toBe(kind);
  expect(policyInForce(policy, now, clock, () => false)).toEqual({ ...policy, mode: modeInForce(policy, now, clock) });
});

test("a policy whose mode holds as it stands is the same object", () => {
  expect(policyInForce(open, UNTIL - 1, "synced", () => false)).toBe(open);
  expect(policyInForce(enforcing, UNTIL, "untrusted", () => true)).toBe(enforcing);
});

test("what hinders everybody hinders whom a machine is open to, and watches on", () => {
  const hindered = (policy: MachinePolicy) => policyInForce(policy, UNTIL - 1, "synced", () => true).mode.kind;
  expect([hindered(open), hindered(watching)]).toEqual(["enforce", "warnOnly"]);
});

const now = { now: UNTIL - 1, clock: "synced" } as const;
const lacking = (...codes: Missing["code"][]) => ({
  missing: codes.map((code) => ({ code })) as [Missing, ...Missing[]],
});

test.each<[Missing["code"], boolean]>([
  ["CARD_EMPTY", true],
  ["TRAINING_MISSING", true],
  ["ISSUER_UNTRUSTED", true],
  ["BADGE_EXPIRED", true],
  ["ASSURANCE_TOO_LOW", true],
  ["BADGE_REVOKED", false],
  ["BADGE_SUSPENDED", false],
  ["MACHINE_UNKNOWN", false],
  ["MACHINE_OUT_OF_SERVICE", false],
  ["MACHINE_FAULTED", false],
  ["TRUST_EXPIRED", false],
  ["LISTS_STALE", false],
  ["CLOCK_UNTRUSTED", false],
  ["OUTSIDE_SCHEDULE", false],
])("at a machine that is open to everyone %s opens: %s", (code, isOpen) => {
  expect(opensToEveryone(lacking(code), open, now)).toBe(isOpen);
  expect(opensToEveryone(lacking("CARD_EMPTY", code), open, now)).toBe(isOpen);
});

test("elsewhere, or later, nothing does", () => {
  expect(opensToEveryone(lacking("CARD_EMPTY"), enforcing, now)).toBe(false);
  expect(opensToEveryone(lacking("CARD_EMPTY"), watching, now)).toBe(false);
  expect(opensToEveryone(lacking("CARD_EMPTY"), open, { ...now, now: UNTIL })).toBe(false);
  expect(opensToEveryone(lacking("CARD_EMPTY"), open, { ...now, clock: "untrusted" })).toBe(false);
});
