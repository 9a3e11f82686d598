import {
  DAY_MS,
  type CborValue,
  Tagged,
  encodeDeterministic,
  encodeSign1,
  fromHex,
  sha256,
  signBadge,
  toHex,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner } from "@badgekey/shared/testing";
import {
  type Cases,
  NOW,
  SITE,
  UID,
  claimsMap,
  edited,
  grant,
  issuer,
  keys,
  signedPayload,
  six,
} from "./vector-tools.js";

export const badge: Cases = {
  "compact-4-grants": {
    title: "SPEC 3.3 compact profile, 4 grants",
    bytes: toHex(
      signBadge(
        { expiresAt: TEST_EPOCH + 30 * DAY_MS, statusIndex: 0x012345 & 0x3ff, grants: six.slice(0, 4) },
        keys.issuer,
      ),
    ),
    expect: "ACCEPTED",
  },
  "standard-6-grants": {
    title: "SPEC 3.3 standard profile, 6 grants, bound to a card",
    bytes: toHex(SITE.badge({ grants: six, cardUid: UID })),
    uid: toHex(UID),
    expect: "ACCEPTED",
  },
  "key-bound-6-grants": {
    title: "SPEC 3.3 key-bound profile, P-256",
    bytes: toHex(
      SITE.badge({
        grants: six,
        holderKey: {
          curve: "P-256",
          bytes: fromHex("030ec5d87dc39d14a2c5480686da860c82b16be0b6903b525f84848b79fd463e32"),
        },
      }),
    ),
    expect: "ACCEPTED",
  },
  "grant-with-own-end": {
    title: "SPEC 3.2 a grant that ends 10 days before the badge",
    bytes: toHex(SITE.badge({ grants: [grant(1, 2, 10), grant(2)] })),
    expect: "ACCEPTED",
  },
  successor: {
    title: "SPEC 3.2 a successor names the badge before it",
    bytes: toHex(SITE.badge({ succeeds: sha256(SITE.badge()).subarray(0, 8) })),
    expect: "ACCEPTED",
  },
  "unknown-positive-claim": {
    title: "SPEC 3.2 an unknown claim from 0 up is ignored",
    bytes: toHex(signedPayload(claimsMap((map) => map.set(65_535, "later")))),
    expect: "ACCEPTED",
  },
  "one-second-past": {
    title: "SPEC 3.5 one second past its end",
    bytes: toHex(SITE.badge({ expiresAt: NOW - 1000, issuedAt: NOW - 5000 })),
    expect: "BADGE_EXPIRED",
  },
  "second-of-its-end": {
    title: "SPEC 3.5 the end itself is past",
    bytes: toHex(SITE.badge({ expiresAt: NOW, issuedAt: NOW - 5000 })),
    expect: "BADGE_EXPIRED",
  },
  "last-second": {
    title: "SPEC 3.5 the last second before its end",
    bytes: toHex(SITE.badge({ expiresAt: NOW + 1000, issuedAt: NOW - 5000 })),
    expect: "ACCEPTED",
  },
  "payload-edited": {
    title: "SPEC 3.5 one payload bit changed",
    bytes: toHex(edited(SITE.badge(), 40)),
    expect: "SIGNATURE_INVALID",
  },
  "signature-edited": {
    title: "SPEC 3.5 one signature bit changed",
    bytes: toHex(edited(SITE.badge(), -20)),
    expect: "SIGNATURE_INVALID",
  },
  "signature-plus-order": {
    title: "SPEC 2.3 S + L, the malleable twin",
    bytes: toHex(plusOrder(SITE.badge())),
    expect: "SIGNATURE_INVALID",
  },
  "unknown-issuer": {
    title: "SPEC 3.5 signed by a key no trust list names",
    bytes: toHex(SITE.badge({}, testSigner("stranger"))),
    expect: "ISSUER_UNTRUSTED",
  },
  "status-key-as-issuer": {
    title: "SPEC 4.2 a status key signs no badge",
    bytes: toHex(SITE.badge({}, keys.status)),
    expect: "ISSUER_UNTRUSTED",
  },
  "issued-too-early": {
    title: "SPEC 3.5 issued before the issuer's window",
    bytes: toHex(SITE.badge({ issuedAt: issuer.notBefore - 1000, expiresAt: issuer.notBefore + 399 * DAY_MS })),
    expect: "ISSUER_OUT_OF_WINDOW",
  },
  revoked: { title: "SPEC 3.5 withdrawn", bytes: toHex(SITE.badge({ statusIndex: 21 })), expect: "BADGE_REVOKED" },
  suspended: {
    title: "SPEC 3.5 put on hold",
    bytes: toHex(SITE.badge({ statusIndex: 22 })),
    expect: "BADGE_SUSPENDED",
  },
  superseded: { title: "SPEC 3.5 replaced", bytes: toHex(SITE.badge({ statusIndex: 23 })), expect: "BADGE_SUPERSEDED" },
  "beyond-the-list": {
    title: "SPEC 3.5 an index beyond the list",
    bytes: toHex(SITE.badge({ statusIndex: 1024 })),
    expect: "STATUS_UNKNOWN",
  },
  "lives-401-days": {
    title: "SPEC 3.2 lives longer than 400 days",
    bytes: toHex(signedPayload(claimsMap((map) => map.set(4, (TEST_EPOCH + 401 * DAY_MS) / 1000)))),
    expect: "BADGE_MALFORMED",
  },
  "no-end": {
    title: "SPEC 3.2 no exp",
    bytes: toHex(signedPayload(claimsMap((map) => map.delete(4)))),
    expect: "BADGE_MALFORMED",
  },
  "level-5": {
    title: "SPEC 3.2 a level that does not exist",
    bytes: toHex(signedPayload(claimsMap((map) => map.set(9, encodeDeterministic([[1, 5]]))))),
    expect: "BADGE_MALFORMED",
  },
  "grants-unsorted": {
    title: "SPEC 3.2 grants out of order",
    bytes: toHex(
      signedPayload(
        claimsMap((map) =>
          map.set(
            9,
            encodeDeterministic([
              [2, 2],
              [1, 2],
            ]),
          ),
        ),
      ),
    ),
    expect: "BADGE_MALFORMED",
  },
  "unknown-critical-claim": {
    title: "SPEC 3.2 an unknown negative label is critical",
    bytes: toHex(signedPayload(claimsMap((map) => map.set(-70_000, 1)))),
    expect: "BADGE_MALFORMED",
  },
  "index-not-minimal": {
    title: "SPEC 3.2 a status index with a leading zero",
    bytes: toHex(signedPayload(claimsMap((map) => map.set(7, Uint8Array.of(0, 7))))),
    expect: "BADGE_MALFORMED",
  },
  "alg-eddsa": {
    title: "SPEC 3.1 the deprecated algorithm -8",
    bytes: toHex(
      encodeSign1(
        new Map<CborValue, CborValue>([
          [1, -8],
          [4, keys.issuer.keyId],
        ]),
        encodeDeterministic(claimsMap(() => undefined)),
        (message) => keys.issuer.sign(message),
      ),
    ),
    expect: "BADGE_MALFORMED",
  },
  untagged: { title: "SPEC 3.1 tag 18 missing", bytes: toHex(SITE.badge().subarray(1)), expect: "BADGE_MALFORMED" },
  "kid-unprotected": {
    title: "SPEC 3.1 a header outside the protected one",
    bytes: toHex(unprotected()),
    expect: "BADGE_MALFORMED",
  },
};

function plusOrder(bytes: Uint8Array): Uint8Array {
  const order = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const copy = Uint8Array.from(bytes);
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    const at = copy.length - 32 + i;
    const sum = (copy[at] as number) + (order[i] as number) + carry;
    copy[at] = sum & 255;
    carry = sum >> 8;
  }
  return copy;
}

function unprotected(): Uint8Array {
  const payload = encodeDeterministic(claimsMap(() => undefined));
  return encodeDeterministic(
    new Tagged(18, [
      encodeDeterministic(new Map([[1, -19]])),
      new Map([[4, keys.issuer.keyId]]),
      payload,
      new Uint8Array(64),
    ]),
  );
}
