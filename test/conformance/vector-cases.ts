import {
  DAY_MS,
  type CborValue,
  Tagged,
  concatBytes,
  encodeDeterministic,
  encodeSign1,
  fromHex,
  labelled,
  sha256,
  signAcknowledgement,
  signBadge,
  signCommand,
  signRoot,
  signTimeAnswer,
  toHex,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";

/** One published case: what is read, as what, when, and what must come of it (a code, or ACCEPTED). */
export interface VectorCase {
  readonly title: string;
  readonly as: string;
  readonly bytes: string;
  readonly now?: number;
  readonly uid?: string;
  readonly expect: string;
}

export const SITE = testSite({ statuses: { 21: "revoked", 22: "suspended", 23: "superseded" } });
const NOW = TEST_EPOCH + DAY_MS;
const UID = fromHex("04e10cda993c80");
const { keys, issuer, site } = SITE;
const grant = (training: number, level: 1 | 2 | 3 | 4 = 2, daysBefore = 0) => ({ training, level, daysBefore });
const six = [1, 2, 3, 4, 5, 6].map((training) => grant(training));

type Cases = Readonly<Record<string, Omit<VectorCase, "as"> & { readonly as?: string }>>;

/** A badge whose payload is any CBOR, honestly signed. */
export function signedPayload(payload: CborValue, signer = keys.issuer): Uint8Array {
  return encodeSign1(header(signer.keyId), encodeDeterministic(payload), (message) => signer.sign(message));
}

function header(keyId: Uint8Array, more: readonly (readonly [CborValue, CborValue])[] = []): Map<CborValue, CborValue> {
  return new Map<CborValue, CborValue>([[1, -19], [4, keyId], ...more]);
}

function edited(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}

function claimsMap(change: (map: Map<CborValue, CborValue>) => void): Map<CborValue, CborValue> {
  const map = new Map<CborValue, CborValue>([
    [2, "a1b2c3d4"],
    [4, (TEST_EPOCH + 300 * DAY_MS) / 1000],
    [6, TEST_EPOCH / 1000],
    [7, Uint8Array.of(7)],
    [9, encodeDeterministic([[1, 2]])],
  ]);
  change(map);
  return map;
}

const badge: Cases = {
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

const cbor: Cases = {
  "int-64-bit": { title: "RFC 8949 appendix A: -2^64", bytes: "3bffffffffffffffff", expect: "ACCEPTED" },
  "map-sorted": { title: "SPEC 1.1 keys in the order of their encodings", bytes: "a3010204022000", expect: "ACCEPTED" },
  "too-deep": { title: "SPEC 1.2 nine arrays deep", bytes: `${"81".repeat(9)}00`, expect: "CBOR_TOO_DEEP" },
  truncated: { title: "SPEC 1.2 a text that ends early", bytes: "636162", expect: "CBOR_TRUNCATED" },
  trailing: { title: "SPEC 1.2 two items", bytes: "0000", expect: "CBOR_TRAILING_BYTES" },
  indefinite: { title: "SPEC 1.2 an indefinite array", bytes: "9f00ff", expect: "CBOR_INDEFINITE" },
  "not-minimal": { title: "SPEC 1.2 23 in two bytes", bytes: "1817", expect: "CBOR_NOT_DETERMINISTIC" },
  "keys-unsorted": { title: "SPEC 1.2 keys out of order", bytes: "a202000100", expect: "CBOR_NOT_DETERMINISTIC" },
  "key-twice": { title: "SPEC 1.2 one key twice", bytes: "a201000101", expect: "CBOR_KEY_DUPLICATE" },
  "key-array": { title: "SPEC 1.2 an array as key", bytes: "a18000", expect: "CBOR_KEY_INVALID" },
  float: { title: "SPEC 1.2 1.0 as half float", bytes: "f93c00", expect: "CBOR_FLOAT" },
  undefined: { title: "SPEC 1.2 undefined", bytes: "f7", expect: "CBOR_SIMPLE_UNEXPECTED" },
  "tag-date": { title: "SPEC 1.2 a tag nobody expects", bytes: "c100", expect: "CBOR_TAG_UNEXPECTED" },
  "text-invalid": { title: "SPEC 1.2 a lone continuation byte", bytes: "6180", expect: "CBOR_TEXT_INVALID" },
  reserved: { title: "SPEC 1.2 a reserved head", bytes: "1c", expect: "CBOR_MALFORMED" },
  "too-many-items": { title: "SPEC 1.2 70,000 items announced", bytes: "9a00011170", expect: "CBOR_TOO_LARGE" },
};

const sign1: Cases = {
  "three-parts": { title: "RFC 9052 4.2 three parts", bytes: "d28340a040", expect: "COSE_MALFORMED" },
  detached: {
    title: "RFC 9052 4.2 a detached payload is generic COSE",
    bytes: "d28443a10126a0f640",
    expect: "ACCEPTED",
  },
  "label-in-both": {
    title: "RFC 9052 3 one label in both headers",
    bytes: "d28443a10126a101264040",
    expect: "COSE_MALFORMED",
  },
};

const statusList: Cases = {
  "one-bit": {
    title: "Token Status List, 1 bit, 16 statuses",
    bytes: "a2646269747301636c73744a78dadbb918000217015d",
    expect: "ACCEPTED",
  },
  "two-bit": {
    title: "Token Status List, 2 bits, 12 statuses",
    bytes: "a2646269747302636c73744b78da3be9f2130003df0207",
    expect: "ACCEPTED",
  },
  "three-bits": {
    title: "SPEC 4.4 bits that do not exist",
    bytes: "a2646269747303636c73744a78dadbb918000217015d",
    expect: "STATUS_LIST_MALFORMED",
  },
  damaged: {
    title: "SPEC 4.4 damaged compression",
    bytes: "a2646269747301636c73744a78dadbb918000217015e",
    expect: "STATUS_LIST_MALFORMED",
  },
};

const ndef: Cases = {
  empty: { title: "NDEF: nothing at all", bytes: "", expect: "NDEF_MALFORMED" },
  "record-cut": { title: "NDEF: a payload longer than the message", bytes: "d1011055", expect: "NDEF_MALFORMED" },
};

const usage: Cases = {
  "no-rows": { title: "SPEC 6.2 a packet without rows", bytes: "80", expect: "USAGE_MALFORMED" },
  "row-of-four": { title: "SPEC 6.2 a row of four parts", bytes: "818401014040", expect: "USAGE_MALFORMED" },
};

const longLife = labelled([
  [1, site],
  [3, "laser-1"],
  [4, NOW / 1000 + 301],
  [6, NOW / 1000],
  [10, 1],
  [11, "identify"],
  [12, new Map([["seconds", 5]])],
]);
const trust: Cases = {
  "trust-list": { title: "SPEC 4.3 a trust list", as: "trust", bytes: toHex(SITE.trust()), expect: "ACCEPTED" },
  policy: { title: "SPEC 4.6 a policy", as: "policy", bytes: toHex(SITE.policy()), expect: "ACCEPTED" },
  "status-list": {
    title: "SPEC 4.4 a status list",
    as: SITE.listName,
    bytes: toHex(SITE.status()),
    expect: "ACCEPTED",
  },
  heartbeat: {
    title: "SPEC 4.5 the next heartbeat",
    as: "heartbeat",
    bytes: toHex(SITE.heartbeat(SITE.first, 2, NOW)),
    expect: "ACCEPTED",
  },
  "other-site": {
    title: "SPEC 4.2 a trust list of another site",
    as: "trust",
    bytes: toHex(testSite({ at: TEST_EPOCH + 1000 }).trust()),
    expect: "OBJECT_WRONG_SITE",
  },
  "policy-as-trust": {
    title: "SPEC 4.2 a policy in the trust list's place",
    as: "trust",
    bytes: toHex(SITE.policy()),
    expect: "OBJECT_WRONG_TYPE",
  },
  "trust-by-policy-key": {
    title: "SPEC 4.2 signed by another role's key",
    as: "trust",
    bytes: toHex(resigned(SITE.trust(), "trust-list")),
    expect: "SIGNER_UNTRUSTED",
  },
  "signature-edited": {
    title: "SPEC 4.2 one signature bit changed",
    as: "trust",
    bytes: toHex(edited(SITE.trust(), -1)),
    expect: "OBJECT_SIGNATURE_INVALID",
  },
  "not-cose": { title: "SPEC 4.2 no COSE at all", as: "trust", bytes: "00", expect: "OBJECT_MALFORMED" },
  "heartbeat-too-large": {
    title: "SPEC 4.2 17,000 bytes under a heartbeat's name",
    as: "heartbeat",
    bytes: "00".repeat(17_000),
    expect: "OBJECT_TOO_LARGE",
  },
  "issuer-key-in-two-places": {
    title: "SPEC 4.3 the issuer's key is its status key too",
    as: "trust",
    bytes: toHex(testSite({ issuer: { statusKey: keys.issuer.publicKey } }).trust()),
    expect: "KEY_REUSED",
  },
  "status-of-other-uri": {
    title: "SPEC 4.4 a status list under another URI",
    as: SITE.listName,
    bytes: toHex(testSite({ issuer: { statusUri: "https://badges.example/status/2" } }).status(2)),
    expect: "STATUS_LIST_MISPLACED",
  },
  "heartbeat-expired": {
    title: "SPEC 5.2 a heartbeat past its end",
    as: "heartbeat",
    bytes: toHex(SITE.heartbeat(SITE.first, 2, TEST_EPOCH - 2 * DAY_MS)),
    expect: "OBJECT_EXPIRED",
  },
  "heartbeat-of-2036": {
    title: "SPEC 5.4 a heartbeat ten years ahead waits for a time answer",
    as: "heartbeat",
    bytes: toHex(SITE.heartbeat(SITE.first, 2, Date.UTC(2036, 0, 1))),
    expect: "TIME_IMPLAUSIBLE",
  },
  "heartbeat-rolled-back": {
    title: "SPEC 5.2 version 1 after version 2",
    as: "heartbeat after 2",
    bytes: toHex(SITE.heartbeat(SITE.first, 1)),
    expect: "LIST_ROLLED_BACK",
  },
  "heartbeat-equivocated": {
    title: "SPEC 5.2 version 1 again, other bytes",
    as: "heartbeat after 1",
    bytes: toHex(SITE.heartbeat(SITE.first, 1, TEST_EPOCH + 1000)),
    expect: "LIST_EQUIVOCATED",
  },
  "list-not-announced": {
    title: "SPEC 5.3 a list no heartbeat announces yet waits",
    as: SITE.listName,
    bytes: toHex(SITE.status(2)),
    expect: "LIST_NOT_ANNOUNCED",
  },
  "root-skipped": {
    title: "SPEC 5.1 root version 3 after 1",
    as: "root/3",
    bytes: toHex(signRoot({ ...SITE.root, site, version: 3 }, [keys.root])),
    expect: "ROOT_VERSION_SKIPPED",
  },
  "root-below-threshold": {
    title: "SPEC 5.1 root version 2 signed by nobody it names",
    as: "root/2",
    bytes: toHex(signRoot({ ...SITE.root, site, version: 2 }, [testSigner("thief")])),
    expect: "THRESHOLD_NOT_MET",
  },
  "time-answer-unasked": {
    title: "SPEC 5.4 an answer to no question",
    as: "time-answer",
    bytes: toHex(
      signTimeAnswer({ agent: "laser-1", now: NOW, nonce: new Uint8Array(16), heartbeatVersion: 1 }, site, keys.online),
    ),
    expect: "NONCE_UNKNOWN",
  },
  "command-for-another": {
    title: "SPEC 4.7 a command for another agent",
    as: "command",
    bytes: toHex(
      signCommand(
        { agent: "saw-1", number: 1, issuedAt: NOW, expiresAt: NOW + 60_000, action: { kind: "identify", seconds: 5 } },
        site,
        keys.command,
      ),
    ),
    expect: "OBJECT_WRONG_AGENT",
  },
  "command-lives-too-long": {
    title: "SPEC 4.7 a command of over 5 minutes",
    as: "command",
    bytes: toHex(
      encodeSign1(
        header(keys.command.keyId, [[16, "application/vnd.badgekey.command"]]),
        encodeDeterministic(longLife),
        (message) => keys.command.sign(message),
      ),
    ),
    expect: "OBJECT_MALFORMED",
  },
  acknowledgement: {
    title: "SPEC 6.4 an acknowledgement",
    as: "acknowledgement",
    bytes: toHex(
      signAcknowledgement(
        { agent: "laser-1", upTo: { boot: 1, sequence: 9 }, chain: new Uint8Array(32).fill(7) },
        site,
        keys.online,
      ),
    ),
    expect: "ACCEPTED",
  },
};

/** A trust list's payload, honestly signed, but by the policy role. */
function resigned(bytes: Uint8Array, type: string): Uint8Array {
  const payload = concatBytes(bytes.subarray(bytes.indexOf(0x59, 4) + 3, -66));
  return encodeSign1(header(keys.policy.keyId, [[16, `application/vnd.badgekey.${type}`]]), payload, (message) =>
    keys.policy.sign(message),
  );
}

const groups: Readonly<Record<string, Cases>> = { badge, cbor, sign1, "status-list": statusList, ndef, usage, trust };

/** Every case by its file's path below shared/vectors. */
export function vectorCases(): ReadonlyMap<string, VectorCase> {
  const cases = new Map<string, VectorCase>();
  for (const [area, group] of Object.entries(groups)) {
    for (const [name, one] of Object.entries(group)) {
      const timed = area === "badge" || area === "trust" ? { now: NOW } : {};
      cases.set(`${area}/${name}.json`, {
        title: one.title,
        as: one.as ?? area,
        bytes: one.bytes,
        ...timed,
        ...(one.uid && { uid: one.uid }),
        expect: one.expect,
      });
    }
  }
  return cases;
}
