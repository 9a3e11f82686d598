import {
  DAY_MS,
  concatBytes,
  encodeDeterministic,
  encodeSign1,
  labelled,
  signAcknowledgement,
  signCommand,
  signRoot,
  signTimeAnswer,
  toHex,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";
import { type Cases, NOW, SITE, edited, header, keys, site } from "./vector-tools.js";

const longLife = labelled([
  [1, site],
  [3, "laser-1"],
  [4, NOW / 1000 + 301],
  [6, NOW / 1000],
  [10, 1],
  [11, "identify"],
  [12, new Map([["seconds", 5]])],
]);
export const trust: Cases = {
  "trust-list": { title: "SPEC 4.3 a trust list", as: "trust", bytes: toHex(SITE.trust()), expect: "ACCEPTED" },
  policy: { title: "SPEC 4.6 a policy", as: "policy", bytes: toHex(SITE.policy()), expect: "ACCEPTED" },
  "policy-later-members": {
    title: "SPEC 4.6 a policy with members that came after the first version of the format",
    as: "machine's policy",
    bytes: toHex(
      testSite({
        machines: {
          "laser-1": {
            name: "Laser cutter",
            session: { overrunSeconds: 600 },
            problem: { reasons: ["Cuts badly"], outOfService: true },
            steward: { mayRelease: true, lockAgain: true },
            runOn: { seconds: 120, feedback: true },
            wiring: {
              relay: { pin: 17 },
              stop: { pin: 22 },
              lamps: { green: { pin: 23 }, buzzer: { pin: 24 } },
              inputs: { busy: { pin: 5, activeLow: true } },
            },
          },
        },
      }).policy(),
    ),
    expect: "ACCEPTED",
  },
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
