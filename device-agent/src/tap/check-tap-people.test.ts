import { type BadgeClaims, DAY_MS, type MachinePolicyInput } from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";
import { expect, test } from "vitest";
import { type TapFacts, type TapVerdict, checkTap } from "./check-tap.js";

/** Who is supervised, who supervises, who releases, and what a machine that only watches lets pass. */

const uid = Uint8Array.of(4, 1, 2, 3, 4, 5, 6);
const NOW = TEST_EPOCH + DAY_MS;
const laser = { number: 1, name: "Laser cutter", url: "https://makerspace.example/laser" };
const one: MachinePolicyInput["requires"] = [[{ training: 1 }]];
const two: MachinePolicyInput["requires"] = [[{ training: 1 }, { training: 2 }]];
const either: MachinePolicyInput["requires"] = [[{ training: 1 }], [{ training: 2 }]];
const watching: MachinePolicyInput["mode"] = { kind: "warnOnly", until: NOW + DAY_MS, reason: "trial" };

type Grants = readonly (readonly [training: number, level: 1 | 2 | 3 | 4, daysBefore?: number])[];

function tap(
  policy: Partial<MachinePolicyInput>,
  grants: Grants,
  { claims = {}, ...facts }: Partial<TapFacts> & { readonly claims?: Partial<BadgeClaims> } = {},
): TapVerdict {
  const site = testSite({ machines: { "laser-1": { name: "Machine", requires: one, ...policy } } });
  const held = grants.map(([training, level, daysBefore = 0]) => ({ training, level, daysBefore }));
  return checkTap({
    presentation: { uid, badge: site.badge({ grants: held, ...claims }) },
    site: site.client().state,
    machine: "laser-1",
    now: NOW,
    clock: "synced",
    stalenessMs: 0,
    ...facts,
  });
}

/** "accepted supervised supervises steward", or what is missing. */
function told(verdict: TapVerdict): string {
  if (!verdict.ok) return verdict.missing.map(({ code }) => code).join(" ");
  const { needsSupervision, maySupervise, isSteward, waived } = verdict;
  return [
    "accepted",
    ...(needsSupervision ? ["supervised"] : []),
    ...(maySupervise ? ["supervises"] : []),
    ...(isSteward ? ["steward"] : []),
    ...waived,
  ].join(" ");
}

const allowed = { supervision: { mode: "allowed" } } as const;
const required = { supervision: { mode: "required" } } as const;

test.each<[string, Partial<MachinePolicyInput>, Grants, string]>([
  ["a user", {}, [[1, 2]], "accepted"],
  ["a trainer", {}, [[1, 3]], "accepted supervises"],
  ["a steward", {}, [[1, 4]], "accepted supervises steward"],
  ["a trainee where there is no supervision", {}, [[1, 1]], "LEVEL_TOO_LOW"],
  ["a trainee where it is allowed", allowed, [[1, 1]], "accepted supervised"],
  ["a user where it is allowed", allowed, [[1, 2]], "accepted"],
  ["a user where it is required", required, [[1, 2]], "accepted supervised"],
  ["a trainee where it is required", required, [[1, 1]], "accepted supervised"],
  ["a trainer where it is required", required, [[1, 3]], "accepted supervises"],
  [
    "a trainee is enough where a trainee is asked for",
    { requires: [[{ training: 1, level: 1 }]] },
    [[1, 1]],
    "accepted",
  ],
  [
    "supervision makes up for a user's training, not for a trainer's",
    { requires: [[{ training: 1, level: 3 }]], ...allowed },
    [[1, 1]],
    "LEVEL_TOO_LOW",
  ],
  [
    "nor does it for a user where a trainer is asked for",
    { requires: [[{ training: 1, level: 3 }]], ...allowed },
    [[1, 2]],
    "LEVEL_TOO_LOW",
  ],
  ["nor for a training never begun", { requires: two, ...allowed }, [[1, 1]], "TRAINING_MISSING SUPERVISION_REQUIRED"],
  ["nor for one that has ended", allowed, [[1, 1, 299]], "TRAINING_ENDED"],
  ["a trainee's grant still holds while the user's has ended", allowed, [[1, 1]], "accepted supervised"],
  [
    "a trainer of one of two supervises nobody",
    { requires: two },
    [
      [1, 3],
      [2, 2],
    ],
    "accepted",
  ],
  [
    "a trainer of one of two is supervised where it is required",
    { requires: two, ...required },
    [
      [1, 3],
      [2, 2],
    ],
    "accepted supervised",
  ],
  [
    "a trainer of both",
    { requires: two, ...required },
    [
      [1, 3],
      [2, 3],
    ],
    "accepted supervises",
  ],
  [
    "a steward of one, trainer of the other",
    { requires: two },
    [
      [1, 4],
      [2, 3],
    ],
    "accepted supervises",
  ],
  [
    "of two ways the one without supervision counts",
    { requires: either, ...allowed },
    [
      [1, 1],
      [2, 2],
    ],
    "accepted",
  ],
  [
    "whichever comes first",
    { requires: either, ...allowed },
    [
      [1, 2],
      [2, 1],
    ],
    "accepted",
  ],
  [
    "one way with supervision is better than one that lacks",
    { requires: either, ...allowed },
    [[2, 1]],
    "accepted supervised",
  ],
  [
    "a trainer by the second way supervises",
    { requires: either },
    [
      [1, 2],
      [2, 3],
    ],
    "accepted supervises",
  ],
  [
    "a steward by the second way is one",
    { requires: either },
    [
      [1, 2],
      [2, 4],
    ],
    "accepted supervises steward",
  ],
  ["nothing required makes nobody a steward", { requires: [] }, [[1, 4]], "accepted"],
  [
    "nothing required and supervision is a trainer's that nobody is",
    { requires: [], ...required },
    [[1, 4]],
    "accepted supervised",
  ],
  ["a machine that watches lets a stranger pass", { mode: watching }, [[2, 2]], "accepted TRAINING_MISSING"],
  [
    "and says each code once",
    { mode: watching, requires: [[{ training: 3 }, { training: 4 }, { training: 1 }]], minAssurance: 2 },
    [[1, 1]],
    "accepted TRAINING_MISSING LEVEL_TOO_LOW ASSURANCE_TOO_LOW",
  ],
  ["and a training that has ended", { mode: watching }, [[1, 2, 299]], "accepted TRAINING_ENDED"],
  ["and a trainee alone", { mode: watching, ...allowed }, [[1, 1]], "accepted SUPERVISION_REQUIRED"],
  ["who lacks nothing is named there, too", { mode: watching }, [[1, 2]], "accepted"],
  [
    "whoever proves too little supervises nobody there",
    { mode: watching, minAssurance: 2 },
    [[1, 4]],
    "accepted ASSURANCE_TOO_LOW",
  ],
  ["a machine that no longer watches refuses", { mode: { ...watching, until: NOW } }, [[2, 2]], "TRAINING_MISSING"],
  [
    "a machine that is open to everyone still tells what is missing",
    { mode: { kind: "unrestrictedUntil", until: NOW + DAY_MS, reason: "open day" } },
    [[2, 2]],
    "TRAINING_MISSING",
  ],
])("%s", (_title, policy, grants, expected) => {
  expect(told(tap(policy, grants))).toBe(expected);
});

test.each<[string, Partial<TapFacts> & { readonly claims?: Partial<BadgeClaims> }, string]>([
  ["an expired badge", { now: TEST_EPOCH + 300 * DAY_MS }, "BADGE_EXPIRED"],
  ["a copy", { claims: { cardUid: Uint8Array.of(4, 9, 9, 9, 9, 9, 9) } }, "CARD_MISMATCH"],
  ["old lists", { stalenessMs: 8 * DAY_MS }, "LISTS_STALE"],
  ["out of service", { blocked: { code: "MACHINE_OUT_OF_SERVICE", admits: "stewards" } }, "MACHINE_OUT_OF_SERVICE"],
  ["a fault", { blocked: { code: "MACHINE_FAULTED", admits: "nobody" } }, "MACHINE_FAULTED"],
  ["R17: a time that nobody knows: then it enforces", { clock: "untrusted" }, "TRAINING_MISSING"],
])("a machine that only watches still refuses %s", (_title, facts, expected) => {
  const forever = { ...watching, until: TEST_EPOCH + 1_000 * DAY_MS };
  expect(told(tap({ mode: forever }, [[2, 2]], facts))).toBe(expected);
});

test.each<[string, TapFacts["blocked"], Grants, string]>([
  [
    "a steward reaches what is out of service",
    { code: "MACHINE_OUT_OF_SERVICE", admits: "stewards" },
    [[1, 4]],
    "accepted supervises steward",
  ],
  ["a trainer does not", { code: "MACHINE_OUT_OF_SERVICE", admits: "stewards" }, [[1, 3]], "MACHINE_OUT_OF_SERVICE"],
  ["nor does a steward where nobody may", { code: "MACHINE_FAULTED", admits: "nobody" }, [[1, 4]], "MACHINE_FAULTED"],
  ["everyone reaches a reset", { code: "MACHINE_FAULTED", admits: "everyone" }, [[1, 2]], "accepted"],
  ["everyone who may work there", { code: "MACHINE_FAULTED", admits: "everyone" }, [[2, 2]], "TRAINING_MISSING"],
  [
    "a steward of something else does not",
    { code: "MACHINE_FAULTED", admits: "stewards" },
    [[2, 4]],
    "MACHINE_FAULTED TRAINING_MISSING",
  ],
])("%s", (_title, blocked, grants, expected) => {
  expect(told(tap({}, grants, { blocked }))).toBe(expected);
});

test("a card without a badge hears of the machine first, and not where it could be reset", () => {
  const empty = (admits: "nobody" | "everyone" | "stewards") =>
    told(tap({}, [[1, 2]], { blocked: { code: "MACHINE_FAULTED", admits }, presentation: { uid } }));
  expect(["nobody", "stewards", "everyone"].map((admits) => empty(admits as "nobody"))).toEqual([
    "CARD_EMPTY MACHINE_FAULTED",
    "CARD_EMPTY MACHINE_FAULTED",
    "CARD_EMPTY",
  ]);
  const broken = tap({}, [[1, 2]], {
    blocked: { code: "MACHINE_FAULTED", admits: "nobody" },
    presentation: { uid, badge: Uint8Array.of(1) },
  });
  expect(told(broken)).toBe("BADGE_MALFORMED MACHINE_FAULTED");
});

test("a refusal names the training for which supervision would be needed", () => {
  expect(tap({ requires: two, ...allowed }, [[1, 1]])).toMatchObject({
    missing: [{ code: "TRAINING_MISSING" }, { code: "SUPERVISION_REQUIRED", training: laser, level: 2 }],
  });
  const anyone = tap({ requires: [[{ training: 2 }, { training: 1 }]], ...required }, [[1, 2]]);
  expect(anyone).toMatchObject({ missing: [{ code: "TRAINING_MISSING" }, { code: "SUPERVISION_REQUIRED" }] });
});

test("the grants of a trainee's tap are those used, also where it is only watched", () => {
  expect(tap(allowed, [[1, 1, 100]])).toMatchObject({
    grants: [{ training: 1, level: 1 }],
    endsAt: TEST_EPOCH + 200 * DAY_MS,
  });
  expect(tap({ mode: watching }, [[2, 2]])).toMatchObject({ grants: [], endsAt: TEST_EPOCH + 300 * DAY_MS });
});

test("a missing training that nobody has named is told by its number", () => {
  expect(tap({ requires: [[{ training: 77 }]] }, [[1, 2]])).toMatchObject({
    missing: [{ training: { number: 77, name: "training 77", url: "" }, level: 2 }],
  });
});

test("of several ended grants the latest end is told, and of a level too low that had one the level", () => {
  expect(tap({}, [[1, 2, 299]])).toMatchObject({ missing: [{ code: "TRAINING_ENDED", endedAt: NOW }] });
  expect(told(tap({ requires: [[{ training: 1, level: 3 }]] }, [[1, 2]]))).toBe("LEVEL_TOO_LOW");
});
