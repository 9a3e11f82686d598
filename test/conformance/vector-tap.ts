import { DAY_MS, fromHex, toHex } from "@badgekey/shared";
import { TEST_EPOCH } from "@badgekey/shared/testing";
import { type Cases, SITE, UID, grant } from "./vector-tools.js";

const laser = { name: "Laser cutter", requires: [[{ training: 1, level: 2 }]] };
const bound = toHex(SITE.badge({ cardUid: UID }));
const uid = toHex(UID);
const P256 = {
  curve: "P-256",
  bytes: fromHex("030ec5d87dc39d14a2c5480686da860c82b16be0b6903b525f84848b79fd463e32"),
} as const;
export const tap: Cases = {
  bound: {
    title: "a bound badge on its own card",
    bytes: bound,
    uid,
    policy: { ...laser, minAssurance: 2 },
    expect: "ACCEPTED",
  },
  empty: { title: "a card without a badge", bytes: "", uid, policy: laser, expect: "CARD_EMPTY" },
  copied: {
    title: "a bound badge on another card",
    bytes: bound,
    uid: "04ffffffffffff",
    policy: laser,
    expect: "CARD_MISMATCH",
  },
  "key-silent": {
    title: "a key-bound badge without its key",
    bytes: toHex(SITE.badge({ holderKey: P256 })),
    policy: laser,
    expect: "HOLDER_KEY_MISSING",
  },
  "other-training": {
    title: "a badge for another training",
    bytes: toHex(SITE.badge({ grants: [grant(2)] })),
    policy: laser,
    expect: "TRAINING_MISSING",
  },
  "grant-ended": {
    title: "the laser grant ended, the printer's lives",
    bytes: toHex(SITE.badge({ grants: [grant(1, 2, 300), grant(2)] })),
    policy: laser,
    expect: "TRAINING_ENDED",
  },
  "grant-lives": {
    title: "the same badge at the printer",
    bytes: toHex(SITE.badge({ grants: [grant(1, 2, 300), grant(2)] })),
    policy: { name: "Printer", requires: [[{ training: 2 }]] },
    expect: "ACCEPTED",
  },
  "level-too-low": {
    title: "a user where a trainer is needed",
    bytes: toHex(SITE.badge()),
    policy: { ...laser, requires: [[{ training: 1, level: 3 }]] },
    expect: "LEVEL_TOO_LOW",
  },
  trainee: {
    title: "a trainee where supervision would do",
    bytes: toHex(SITE.badge({ grants: [grant(1, 1)] })),
    policy: { ...laser, supervision: { mode: "allowed" } },
    expect: "SUPERVISION_REQUIRED",
  },
  "assurance-too-low": {
    title: "an unbound badge where a bound one is demanded",
    bytes: toHex(SITE.badge()),
    policy: { ...laser, minAssurance: 2 },
    expect: "ASSURANCE_TOO_LOW",
  },
  "machine-unknown": {
    title: "a machine that no policy names",
    bytes: bound,
    uid,
    machine: "saw-9",
    policy: laser,
    expect: "MACHINE_UNKNOWN",
  },
  "out-of-service": {
    title: "a machine taken out of service",
    bytes: bound,
    uid,
    blocked: "MACHINE_OUT_OF_SERVICE",
    policy: laser,
    expect: "MACHINE_OUT_OF_SERVICE",
  },
  faulted: {
    title: "a machine with a fault",
    bytes: bound,
    uid,
    blocked: "MACHINE_FAULTED",
    policy: laser,
    expect: "MACHINE_FAULTED",
  },
  "outside-schedule": {
    title: "a Friday where Mondays are open",
    bytes: bound,
    uid,
    policy: { ...laser, schedule: [{ days: [1], from: "08:00", to: "20:00" }] },
    expect: "OUTSIDE_SCHEDULE",
  },
  stale: {
    title: "eight days without contact",
    bytes: bound,
    uid,
    stalenessMs: 8 * DAY_MS,
    policy: laser,
    expect: "LISTS_STALE",
  },
  "clock-untrusted": {
    title: "an unconfirmed clock where the machine demands one",
    bytes: bound,
    uid,
    clock: "untrusted",
    policy: { ...laser, untrustedClock: "refuse" },
    expect: "CLOCK_UNTRUSTED",
  },
  "trust-expired": {
    title: "a trust list past its end",
    bytes: toHex(SITE.badge({ issuedAt: TEST_EPOCH + 390 * DAY_MS, expiresAt: TEST_EPOCH + 500 * DAY_MS })),
    now: TEST_EPOCH + 401 * DAY_MS,
    policy: laser,
    expect: "TRUST_EXPIRED",
  },
};
