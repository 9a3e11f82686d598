import {
  type BadgeClaims,
  DAY_MS,
  type MachinePolicyInput,
  type Signer,
  ed25519Key,
  sealSuccessor,
  sha256,
  signDirectoryShard,
  successorKey,
} from "@badgekey/shared";
import { type TestSiteOptions, TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";
import { describe, expect, test } from "vitest";
import { type Presentation, type TapFacts, type TapVerdict, checkTap } from "./check-tap.js";

const uid = Uint8Array.of(4, 1, 2, 3, 4, 5, 6);
const copy = Uint8Array.of(4, 9, 9, 9, 9, 9, 9);
const laser = { number: 1, name: "Laser cutter", url: "https://makerspace.example/laser" };
const needsLaser = [[{ training: 1, level: 2 as const }]];

interface Case {
  readonly policy?: Partial<MachinePolicyInput>;
  readonly site?: TestSiteOptions;
  readonly claims?: Partial<BadgeClaims>;
  readonly signer?: Signer;
  readonly presentation?: Presentation;
  readonly facts?: Partial<TapFacts>;
}

function tap(given: Case): TapVerdict {
  const machines = { "laser-1": { name: "Laser cutter", requires: needsLaser, ...given.policy } };
  const site = testSite({ machines, ...given.site });
  return checkTap({
    presentation: { uid, badge: site.badge(given.claims, given.signer), ...given.presentation },
    site: site.client().state,
    machine: "laser-1",
    now: TEST_EPOCH + DAY_MS,
    clock: "synced",
    stalenessMs: 0,
    ...given.facts,
  });
}

function codesOf(verdict: TapVerdict): string {
  if (!verdict.ok) return verdict.missing.map(({ code }) => code).join(" ");
  return ["accepted", ...(verdict.needsSupervision ? ["supervised"] : []), ...verdict.waived].join(" ");
}
const phone = ed25519Key(testSigner("a phone").publicKey);
const grant = (training: number, level: 1 | 2 | 3 | 4, daysBefore = 0) => ({ training, level, daysBefore });

const table: readonly (Case & { readonly title: string; readonly expect: string })[] = [
  { title: "the training held", expect: "accepted" },
  { title: "no badge on the card", presentation: { badge: undefined }, expect: "CARD_EMPTY" },
  { title: "bytes that are no badge", presentation: { badge: Uint8Array.of(1) }, expect: "BADGE_MALFORMED" },
  { title: "a stranger's signature", signer: testSigner("a stranger"), expect: "ISSUER_UNTRUSTED" },
  { title: "past its end", facts: { now: TEST_EPOCH + 300 * DAY_MS }, expect: "BADGE_EXPIRED" },
  {
    title: "past its end, and a training was never held",
    claims: { grants: [grant(2, 2)] },
    facts: { now: TEST_EPOCH + 300 * DAY_MS },
    expect: "BADGE_EXPIRED TRAINING_MISSING",
  },
  { title: "withdrawn", site: { statuses: { 7: "revoked" } }, expect: "BADGE_REVOKED" },
  {
    title: "withdrawn is told alone",
    site: { statuses: { 7: "revoked" } },
    claims: { grants: [grant(2, 1)], cardUid: copy },
    expect: "BADGE_REVOKED",
  },
  { title: "on hold", site: { statuses: { 7: "suspended" } }, expect: "BADGE_SUSPENDED" },
  { title: "superseded, no successor here", site: { statuses: { 7: "superseded" } }, expect: "BADGE_SUPERSEDED" },
  { title: "beyond the status list", claims: { statusIndex: 1024 }, expect: "STATUS_UNKNOWN" },
  { title: "bound to this card", claims: { cardUid: uid }, policy: { minAssurance: 2 }, expect: "accepted" },
  { title: "a copy on another card", claims: { cardUid: copy }, expect: "CARD_MISMATCH" },
  {
    title: "bound to a card, and no card is known",
    claims: { cardUid: uid },
    presentation: { uid: undefined } as never,
    expect: "CARD_MISMATCH",
  },
  { title: "bound to no card, more is demanded", policy: { minAssurance: 2 }, expect: "ASSURANCE_TOO_LOW" },
  { title: "bound to a key, no challenge", claims: { holderKey: phone }, expect: "HOLDER_KEY_MISSING" },
  {
    title: "bound to a key, answered by another",
    claims: { holderKey: phone },
    presentation: { challengeAnsweredBy: ed25519Key(testSigner("another phone").publicKey) },
    expect: "HOLDER_KEY_MISSING",
  },
  {
    title: "bound to a key that answered",
    claims: { holderKey: phone },
    policy: { minAssurance: 3 },
    presentation: { challengeAnsweredBy: phone },
    expect: "accepted",
  },
  {
    title: "the issuer's cap holds",
    claims: { holderKey: phone },
    policy: { minAssurance: 3 },
    site: { issuer: { highestAssurance: 2 } },
    presentation: { challengeAnsweredBy: phone },
    expect: "ASSURANCE_TOO_LOW",
  },
  { title: "a chip that nobody proved genuine", policy: { genuineChip: true }, expect: "ASSURANCE_TOO_LOW" },
  { title: "another training", claims: { grants: [grant(2, 2)] }, expect: "TRAINING_MISSING" },
  {
    title: "the laser ended while the badge lives",
    claims: { grants: [grant(1, 2, 299), grant(2, 2)] },
    facts: { now: TEST_EPOCH + 2 * DAY_MS },
    expect: "TRAINING_ENDED",
  },
  { title: "a trainee", claims: { grants: [grant(1, 1)] }, expect: "LEVEL_TOO_LOW" },
  {
    title: "a trainee where supervision is possible",
    claims: { grants: [grant(1, 1)] },
    policy: { supervision: { mode: "allowed" } },
    expect: "accepted supervised",
  },
  {
    title: "a user where supervision is required",
    policy: { supervision: { mode: "required" } },
    expect: "accepted supervised",
  },
  {
    title: "a trainer where supervision is required",
    claims: { grants: [grant(1, 3)] },
    policy: { supervision: { mode: "required" } },
    expect: "accepted",
  },
  {
    title: "supervision is no way to level 3",
    policy: { requires: [[{ training: 1, level: 3 }]], supervision: { mode: "allowed" } },
    expect: "LEVEL_TOO_LOW",
  },
  { title: "no training required", claims: { grants: [grant(9, 1)] }, policy: { requires: [] }, expect: "accepted" },
  {
    title: "all of two",
    policy: { requires: [[{ training: 1 }, { training: 2 }, { training: 3 }]] },
    claims: { grants: [grant(2, 1)] },
    expect: "TRAINING_MISSING LEVEL_TOO_LOW TRAINING_MISSING",
  },
  {
    title: "either of two",
    policy: { requires: [[{ training: 3 }], [{ training: 1 }]] },
    expect: "accepted",
  },
  {
    title: "of two ways the shorter is told",
    policy: { requires: [[{ training: 2 }, { training: 3 }], [{ training: 3 }]] },
    expect: "TRAINING_MISSING",
  },
  { title: "lists too old", facts: { stalenessMs: 7 * DAY_MS + 1 }, expect: "LISTS_STALE" },
  { title: "lists just not too old", facts: { stalenessMs: 7 * DAY_MS }, expect: "accepted" },
  { title: "R17: no confirmed time", facts: { clock: "untrusted" }, expect: "accepted" },
  {
    title: "R17: no confirmed time where it is demanded",
    policy: { untrustedClock: "refuse" },
    facts: { clock: "untrusted" },
    expect: "CLOCK_UNTRUSTED",
  },
  {
    title: "a battery clock is enough",
    policy: { untrustedClock: "refuse" },
    facts: { clock: "holdover" },
    expect: "accepted",
  },
  {
    title: "the trust list has expired",
    facts: { now: TEST_EPOCH + 400 * DAY_MS },
    claims: { issuedAt: TEST_EPOCH + 100 * DAY_MS, expiresAt: TEST_EPOCH + 500 * DAY_MS },
    expect: "TRUST_EXPIRED",
  },
  { title: "a machine without policy", facts: { machine: "saw-1" }, expect: "MACHINE_UNKNOWN" },
  {
    title: "outside its hours",
    policy: { schedule: [{ days: [1, 2, 3, 4, 5, 6, 7], from: "08:00", to: "20:00" }] },
    expect: "OUTSIDE_SCHEDULE",
  },
  {
    title: "out of service stands before what the person lacks",
    claims: { grants: [grant(2, 2)] },
    facts: { blocked: { code: "MACHINE_OUT_OF_SERVICE", admits: "nobody" } },
    expect: "MACHINE_OUT_OF_SERVICE TRAINING_MISSING",
  },
  {
    title: "everything at once",
    claims: { grants: [grant(2, 2)], cardUid: copy },
    policy: { untrustedClock: "refuse" },
    facts: { clock: "untrusted", stalenessMs: 9 * DAY_MS },
    expect: "CARD_MISMATCH LISTS_STALE CLOCK_UNTRUSTED TRAINING_MISSING",
  },
];

describe("verdicts", () => {
  test.each(table)("$title: $expect", (row) => {
    expect(codesOf(tap(row))).toBe(row.expect);
  });

  test("a refusal names the training, the level, the end and where to book", () => {
    const ended = tap({ claims: { grants: [grant(1, 2, 299)] }, facts: { now: TEST_EPOCH + 2 * DAY_MS } });
    expect(ended).toMatchObject({
      code: "TRAINING_ENDED",
      missing: [{ code: "TRAINING_ENDED", training: laser, level: 2, endedAt: TEST_EPOCH + DAY_MS }],
    });
    const expired = tap({ facts: { now: TEST_EPOCH + 301 * DAY_MS } });
    expect(expired).toMatchObject({ missing: [{ code: "BADGE_EXPIRED", endedAt: TEST_EPOCH + 300 * DAY_MS }] });
  });

  test("an accepted tap tells what opened the machine, how sure that is, and until when", () => {
    const claims = { grants: [grant(1, 2, 100), grant(2, 4)], cardUid: uid };
    expect(tap({ claims, policy: { minAssurance: 2 } })).toMatchObject({
      ok: true,
      assurance: 2,
      grants: [{ training: 1, level: 2 }],
      endsAt: TEST_EPOCH + 200 * DAY_MS,
    });
  });

  test("a copy, withdrawn or not, does not act for its holder; the card itself does, whatever its badge lacks", () => {
    const statuses = { 7: "revoked" } as const;
    const keyOf = (verdict: TapVerdict) => (verdict.ok ? "accepted" : verdict.key);
    expect(keyOf(tap({ claims: { cardUid: copy } }))).toBeUndefined();
    expect(keyOf(tap({ claims: { holderKey: phone } }))).toBeUndefined();
    expect(keyOf(tap({ claims: { cardUid: copy }, site: { statuses } }))).toBeUndefined();
    expect(keyOf(tap({ claims: { cardUid: uid }, site: { statuses } }))).toMatch(/a1b2c3d4$/);
  });

  test("the compact profile proves no more than a copy does, even on the card it names", () => {
    const site = testSite();
    const machine = { name: "Laser cutter", requires: needsLaser };
    const badge = site.badge({ holder: undefined, issuedAt: undefined, cardUid: uid } as never);
    const at = (minAssurance: number) =>
      checkTap({
        presentation: { uid, badge },
        site: testSite({ machines: { "laser-1": { ...machine, minAssurance } } }).client().state,
        machine: "laser-1",
        now: TEST_EPOCH + DAY_MS,
        clock: "synced",
        stalenessMs: 0,
      });
    expect(at(1)).toMatchObject({ ok: true, assurance: 1 });
    expect(codesOf(at(2))).toBe("ASSURANCE_TOO_LOW");
  });
});

test("a machine's hours are those of the site's own time zone", () => {
  // Thursday evening in New York, Friday in London.
  const schedule = [{ days: [4], from: "18:00", to: "20:00" }];
  const at = (timeZone: string) => codesOf(tap({ policy: { schedule }, site: { timeZone } }));
  expect([at("America/New_York"), at("UTC")]).toEqual(["accepted", "OUTSIDE_SCHEDULE"]);
});

describe("successors", () => {
  /** Claims that may be left out of a badge that would have them. */
  type Claimed = { readonly [C in keyof BadgeClaims]?: BadgeClaims[C] | undefined };
  const claims = { cardUid: uid, grants: [grant(2, 2)] };
  /** A site in whose directory the old badge leads to another one with these claims. */
  function renewed(
    change: Claimed = {},
    statuses: TestSiteOptions["statuses"] = { 7: "superseded" },
    was: Claimed = {},
  ) {
    const site = testSite({ statuses });
    const old = site.badge({ ...claims, ...was } as Partial<BadgeClaims>);
    const next = site.badge({
      ...claims,
      grants: [grant(1, 2), grant(2, 2)],
      issuedAt: TEST_EPOCH + 3_600_000,
      statusIndex: 8,
      succeeds: sha256(old).subarray(0, 8),
      ...change,
    } as Partial<BadgeClaims>);
    const shard = signDirectoryShard(
      {
        version: 1,
        issuedAt: TEST_EPOCH,
        shard: 0,
        shards: 1,
        byKey: new Map(),
        successors: new Map([[successorKey(old), sealSuccessor(next, old, site.site)]]),
        byUid: new Map(),
      },
      site.site,
      site.keys.issuer,
    );
    const client = site.client();
    const name = `directory/${site.issuerId}/0`;
    const offers = [
      client.offer("heartbeat", site.heartbeat({ ...site.first, [name]: { version: 1, bytes: shard } }, 2), 0),
      client.offer(name, shard, 0),
    ];
    expect(offers.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    return checkTap({
      presentation: { uid, badge: old },
      site: client.state,
      machine: "laser-1",
      now: TEST_EPOCH + DAY_MS,
      clock: "synced",
      stalenessMs: 0,
    });
  }

  test("a superseded badge leads to its successor, with the trainings of that one", () => {
    expect(renewed()).toMatchObject({ ok: true, badge: { claims: { statusIndex: 8 } } });
  });

  test.each([
    ["of someone else", { holder: "zzzzzzzz" }],
    ["for another card", { cardUid: copy }],
    ["of another badge", { succeeds: new Uint8Array(8) }],
    ["older than it", { issuedAt: TEST_EPOCH - DAY_MS, expiresAt: TEST_EPOCH + DAY_MS * 10 }],
    ["of its own moment", { issuedAt: TEST_EPOCH }],
    ["that is bound to no card", { cardUid: undefined }],
    ["that says of none that it succeeds it", { succeeds: undefined }],
  ] as readonly (readonly [string, Claimed])[])("but not to one %s", (_what, change) => {
    expect(codesOf(renewed(change))).toBe("BADGE_SUPERSEDED TRAINING_MISSING");
  });

  test("nor from a badge of nobody, of no day, or of no card to one that is bound", () => {
    const anonymous = { holder: undefined };
    expect(codesOf(renewed(anonymous, undefined, anonymous))).toBe("BADGE_SUPERSEDED TRAINING_MISSING");
    expect(codesOf(renewed({}, undefined, { issuedAt: undefined }))).toBe("BADGE_SUPERSEDED TRAINING_MISSING");
    expect(codesOf(renewed({}, undefined, { cardUid: undefined }))).toContain("BADGE_SUPERSEDED");
  });

  test("an unbound badge leads to an unbound one", () => {
    const unbound = { cardUid: undefined };
    expect(renewed(unbound, undefined, unbound)).toMatchObject({ badge: { claims: { statusIndex: 8 } } });
  });

  test("an expired badge whose number no list has leads nowhere", () => {
    const ended = { expiresAt: TEST_EPOCH + 3_600_000, statusIndex: 90_000 };
    expect(codesOf(renewed({}, {}, ended))).toBe("BADGE_EXPIRED TRAINING_MISSING");
  });

  test("a withdrawn badge leads nowhere, a withdrawn successor withdraws the card", () => {
    expect(codesOf(renewed({}, { 7: "revoked" }))).toBe("BADGE_REVOKED");
    expect(codesOf(renewed({}, { 7: "superseded", 8: "revoked" }))).toBe("BADGE_REVOKED");
  });

  test("an expired badge leads on while it is valid, and nowhere once it was withdrawn or put on hold", () => {
    const ended = { expiresAt: TEST_EPOCH + 3_600_000 };
    expect(codesOf(renewed({}, { 7: "valid" }, ended))).toBe("accepted");
    expect(codesOf(renewed({}, { 7: "revoked" }, ended))).toBe("BADGE_EXPIRED TRAINING_MISSING");
    expect(codesOf(renewed({}, { 7: "suspended" }, ended))).toBe("BADGE_EXPIRED TRAINING_MISSING");
  });
});
