import { describe, expect, test } from "vitest";
import { fromHex } from "../cbor/value.js";
import { testSite } from "../testing/test-site.js";
import { type Grant, encodeClaims } from "./badge.js";
import { signBadge } from "./issue.js";
import { verifyBadge } from "./verify.js";

const SITE = testSite({
  issuer: {
    trainings: new Map([
      [1, 11],
      [2, 12],
    ]),
  },
});
const grants = (count: number): Grant[] =>
  Array.from({ length: count }, (_, i) => ({ training: i + 1, level: 2, daysBefore: 0 }));
const expiresAt = SITE.at + 300 * 86_400_000;
const P256 = { curve: "P-256", bytes: fromHex(`02${"11".repeat(32)}`) } as const;

describe("badge profiles, SPEC 3.3", () => {
  test("compact: exp, 3-byte index, 4 grants in at most 108 bytes", () => {
    expect(
      signBadge({ expiresAt, statusIndex: 0x12345, grants: grants(4) }, SITE.keys.issuer).length,
    ).toBeLessThanOrEqual(108);
  });

  test("standard: pseudonym, both times, 6 grants, 7-byte UID in at most 143 bytes", () => {
    const badge = SITE.badge({ statusIndex: 0x12345, grants: grants(6), cardUid: fromHex("04e10cda993c80") });
    expect(badge.length).toBeLessThanOrEqual(143);
  });

  test("key-bound: P-256 key and 6 grants in at most 175 bytes", () => {
    expect(SITE.badge({ statusIndex: 0x12345, grants: grants(6), holderKey: P256 }).length).toBeLessThanOrEqual(175);
  });
});

describe("grants at this site, SPEC 3.4", () => {
  test("numbers are mapped, unmapped ones ignored, and each grant has its own end", () => {
    const verdict = verifyBadge(
      SITE.badge({
        expiresAt,
        grants: [
          { training: 1, level: 2, daysBefore: 10 },
          { training: 2, level: 3, daysBefore: 0 },
          { training: 9, level: 4, daysBefore: 0 },
        ],
      }),
      SITE.client().state,
      SITE.at,
    );
    expect(verdict).toMatchObject({
      ok: true,
      badge: {
        grants: [
          { training: 11, level: 2, endsAt: expiresAt - 10 * 86_400_000 },
          { training: 12, level: 3, endsAt: expiresAt },
        ],
      },
    });
  });

  test("both engines say the same of a good and an edited badge", () => {
    const badge = SITE.badge();
    const edited = Uint8Array.from(badge);
    edited[50] = (edited[50] as number) ^ 1;
    for (const engine of ["noble", "native"] as const) {
      expect(verifyBadge(badge, SITE.client().state, SITE.at, engine).ok).toBe(true);
      expect(verifyBadge(edited, SITE.client().state, SITE.at, engine)).toMatchObject({ code: "SIGNATURE_INVALID" });
    }
  });

  test("a badge without iat is refused once a cut-off is set, and outside the window of now", () => {
    const compact = signBadge({ expiresAt: SITE.at + 86_400_000, statusIndex: 1, grants: grants(1) }, SITE.keys.issuer);
    expect(verifyBadge(compact, SITE.client().state, SITE.at).ok).toBe(true);
    const cut = testSite({ issuer: { issuedBefore: SITE.at + 1000 } });
    expect(verifyBadge(compact, cut.client().state, SITE.at)).toMatchObject({ code: "ISSUER_OUT_OF_WINDOW" });
    const over = testSite({ issuer: { notAfter: SITE.at - 1000 } });
    expect(verifyBadge(compact, over.client().state, SITE.at)).toMatchObject({ code: "ISSUER_OUT_OF_WINDOW" });
  });
});

test("claims that no verifier would take are not signed", () => {
  const claims = { expiresAt, issuedAt: SITE.at, statusIndex: 1, grants: grants(1) };
  for (const wrong of [
    { grants: [] },
    { grants: [...grants(1), ...grants(1)] },
    { expiresAt: SITE.at + 401 * 86_400_000 },
    { holder: "A" },
    { cardUid: fromHex("08112233445566") },
  ]) {
    expect(() => encodeClaims({ ...claims, ...wrong })).toThrow(RangeError);
  }
});
