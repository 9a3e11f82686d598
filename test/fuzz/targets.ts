import {
  type CborValue,
  DAY_MS,
  type Signer,
  type SiteState,
  decodeStrict,
  encodeDeterministic,
  openAcknowledgement,
  openCommand,
  openDirectoryShard,
  openHeartbeat,
  openPolicy,
  openReport,
  openStatusList,
  openTimeAnswer,
  openTrustList,
  sealSuccessor,
  sha256,
  signAcknowledgement,
  signCommand,
  signDirectoryShard,
  signReport,
  signTimeAnswer,
  successorKey,
  toHex,
  verifyBadge,
} from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";
import { NOW, SITE, type Target, VENDOR, object, outcome, payloadOf, signer, stranger } from "./target.js";
import { rootTarget, workflowTarget } from "./trust-targets.js";
import { usageTarget } from "./usage-target.js";

const { keys, site, root, issuer } = SITE;
const state: SiteState = SITE.client().state;
const entry = state.trust?.issuers.get(SITE.issuerId) as NonNullable<
  ReturnType<NonNullable<SiteState["trust"]>["issuers"]["get"]>
>;
const nonce = new Uint8Array(16).fill(5);
const badgeBytes = SITE.badge();
const heartbeat = SITE.heartbeat(SITE.first, 2, NOW);

const shard = signDirectoryShard(
  {
    version: 1,
    issuedAt: TEST_EPOCH,
    shard: 0,
    shards: 1,
    byKey: new Map([[toHex(sha256(nonce)), badgeBytes]]),
    successors: new Map([[successorKey(badgeBytes), sealSuccessor(badgeBytes, badgeBytes, site)]]),
    byUid: new Map(),
  },
  site,
  keys.issuer,
);

const claims = (change: Parameters<typeof SITE.badge>[0], by?: Signer) => SITE.badge(change, by);

const threeBits = statusListOfThreeBits();

/** Honestly signed, but of a width that no status list has. */
function statusListOfThreeBits(): { bytes: Uint8Array; payload: Uint8Array } {
  const claims = new Map(decodeStrict(payloadOf(SITE.status())) as ReadonlyMap<CborValue, CborValue>);
  claims.set(
    65533,
    new Map<CborValue, CborValue>([...(claims.get(65533) as ReadonlyMap<CborValue, CborValue>), ["bits", 3]]),
  );
  const payload = encodeDeterministic(claims);
  return { bytes: signer(keys.status, "application/statuslist+cwt")(payload), payload };
}

export const targets: readonly Target[] = [
  {
    name: "badge",
    original: badgeBytes,
    payload: payloadOf(badgeBytes),
    required: [4, 7, 9],
    sign: signer(keys.issuer, undefined),
    read: (bytes) => outcome(verifyBadge(bytes, state, NOW)),
    special: [
      { bytes: claims({ statusIndex: 21 }), expect: "BADGE_REVOKED" },
      { bytes: claims({ statusIndex: 22 }), expect: "BADGE_SUSPENDED" },
      { bytes: claims({ statusIndex: 23 }), expect: "BADGE_SUPERSEDED" },
      { bytes: claims({ statusIndex: 90_000 }), expect: "STATUS_UNKNOWN" },
      { bytes: claims({ expiresAt: NOW, issuedAt: NOW - 1000 }), expect: "BADGE_EXPIRED" },
      {
        bytes: claims({ issuedAt: issuer.notBefore - 1000, expiresAt: issuer.notBefore + 390 * DAY_MS }),
        expect: "ISSUER_OUT_OF_WINDOW",
      },
      { bytes: claims({}, stranger), expect: "ISSUER_UNTRUSTED" },
      { bytes: claims({ grants: [{ training: 2, level: 3, daysBefore: 4 }] }), expect: "ACCEPTED" },
    ],
  },
  rootTarget(),
  object(
    "trust list",
    SITE.trust(),
    keys.trust,
    `${VENDOR}trust-list`,
    [1, 2, 4, 6, 10],
    (bytes) => outcome(openTrustList(bytes, root, site)),
    {
      special: [{ bytes: testSite({ issuer: { statusKey: keys.issuer.publicKey } }).trust(), expect: "KEY_REUSED" }],
    },
  ),
  object("policy", SITE.policy(), keys.policy, `${VENDOR}policy`, [1, 2, 4, 6, 10, 11, 12, 13, 14], (bytes) =>
    outcome(openPolicy(bytes, root, site)),
  ),
  object(
    "status list",
    SITE.status(),
    keys.status,
    "application/statuslist+cwt",
    [2, 4, 6, 65533, -65539, -65540],
    (bytes) => outcome(openStatusList(bytes, entry, site)),
    {
      siteLabel: -65539,
      special: [
        {
          bytes: testSite({ issuer: { statusUri: "https://badges.example/other" } }).status(),
          expect: "STATUS_LIST_MISPLACED",
        },
        { ...threeBits, expect: "OBJECT_MALFORMED" },
      ],
    },
  ),
  object("heartbeat", heartbeat, keys.online, `${VENDOR}heartbeat`, [1, 2, 4, 5, 10], (bytes) =>
    outcome(openHeartbeat(bytes, root, site)),
  ),
  workflowTarget(),
  object(
    "time answer",
    signTimeAnswer({ agent: "laser-1", now: NOW, nonce, heartbeatVersion: 1 }, site, keys.online),
    keys.online,
    `${VENDOR}time-answer`,
    [1, 3, 5, 10, 11],
    (bytes) => outcome(openTimeAnswer(bytes, root, site, "laser-1")),
    { agentLabel: 3 },
  ),
  object("directory", shard, keys.issuer, `${VENDOR}directory`, [1, 2, 6, 10, 11, 12, 13], (bytes) =>
    outcome(openDirectoryShard(bytes, entry, site)),
  ),
  object(
    "command",
    signCommand(
      {
        agent: "laser-1",
        number: 4,
        issuedAt: NOW,
        expiresAt: NOW + 60_000,
        action: { kind: "end", machine: "laser-1", by: "staff" },
      },
      site,
      keys.command,
    ),
    keys.command,
    `${VENDOR}command`,
    [1, 3, 4, 6, 10, 11, 12],
    (bytes) => outcome(openCommand(bytes, root, site, "laser-1")),
    { agentLabel: 3 },
  ),
  object(
    "acknowledgement",
    signAcknowledgement({ agent: "laser-1", upTo: { boot: 1, sequence: 9 }, chain: sha256(nonce) }, site, keys.online),
    keys.online,
    `${VENDOR}acknowledgement`,
    [1, 3, 10, 11, 12],
    (bytes) => outcome(openAcknowledgement(bytes, root, site, "laser-1")),
    { agentLabel: 3 },
  ),
  object(
    "report",
    signReport(
      {
        number: 1,
        at: NOW,
        clock: "synced",
        applied: state.applied,
        heartbeatVersion: 1,
        journal: { boot: 1, sequence: 2, chain: sha256(nonce), pending: 0 },
        faults: [],
        state: "idle",
        software: "0.1.0",
        upMs: 5000,
        lastCommand: 0,
      },
      site,
      "laser-1",
      keys.agent,
    ),
    keys.agent,
    `${VENDOR}report`,
    [1, 3, 6, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22],
    (bytes) => outcome(openReport(bytes, keys.agent.publicKey, site, "laser-1")),
    { agentLabel: 3 },
  ),
  usageTarget,
];
