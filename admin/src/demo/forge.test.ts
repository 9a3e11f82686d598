import { type BadgeClaims, DAY_MS, verifyBadge } from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";
import { expect, test } from "vitest";
import { byUnknownIssuer, claimsOf, expired, withGrantEnded, withOneByteChanged } from "./forge.js";

const site = testSite();
const { state } = site.client();
const now = TEST_EPOCH + DAY_MS;
const grants: BadgeClaims["grants"] = [
  { training: 1, level: 2, daysBefore: 0 },
  { training: 2, level: 2, daysBefore: 0 },
];
const badge = site.badge({ grants, issuedAt: TEST_EPOCH + 3_600_000 });
const codeOf = (bytes: Uint8Array) => {
  const verdict = verifyBadge(bytes, state, now);
  return verdict.ok ? "ACCEPTED" : verdict.code;
};

test("each forgery is refused for its own reason alone", () => {
  expect(codeOf(badge)).toBe("ACCEPTED");
  expect(codeOf(withOneByteChanged(badge))).toBe("SIGNATURE_INVALID");
  expect(codeOf(expired(badge, site.keys.issuer))).toBe("BADGE_EXPIRED");
  expect(codeOf(byUnknownIssuer(badge))).toBe("ISSUER_UNTRUSTED");
});

test("one byte is one byte, and raises a level", () => {
  const edited = withOneByteChanged(badge);
  expect(edited.filter((byte, i) => byte !== badge[i])).toHaveLength(1);
  expect(claimsOf(edited).grants[1]?.level).toBe(4);
});

test("a grant that ended leaves the other alone", () => {
  const verdict = verifyBadge(withGrantEnded(badge, 1, 200, site.keys.issuer), state, now);
  expect(verdict.ok && verdict.badge.grants.map(({ endsAt }) => endsAt > now)).toEqual([false, true]);
});
