import {
  type CborValue,
  DAY_MS,
  type SiteState,
  type Signer,
  Tagged,
  TrustClient,
  type UsageRow,
  chainAfter,
  concatBytes,
  decodeStrict,
  decodeUsagePacket,
  decodeUsageRecord,
  encodeDeterministic,
  encodeSign1,
  encodeUsagePacket,
  encodeUsageRecord,
  openAcknowledgement,
  openCommand,
  openDirectoryShard,
  openHeartbeat,
  openPolicy,
  openReport,
  openStatusList,
  openTimeAnswer,
  openTrustList,
  rowCommitment,
  sealSuccessor,
  sha256,
  signAcknowledgement,
  signCommand,
  signDirectoryShard,
  signReport,
  signRoot,
  signTimeAnswer,
  successorKey,
  toHex,
  verifyBadge,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";

/** A thing that is mutated: a valid original, how to sign a changed payload honestly, and what reads it. */
export interface Target {
  readonly name: string;
  readonly original: Uint8Array;
  /** The payload that is changed structurally: a map, or an array of rows. */
  readonly payload: Uint8Array;
  /** Labels (or, for arrays, nothing) without which it is no longer valid. */
  readonly required: readonly number[];
  readonly siteLabel?: number;
  readonly agentLabel?: number;
  readonly sign: (payload: Uint8Array, variation?: Variation) => Uint8Array;
  /** "ACCEPTED" or a code. */
  readonly read: (bytes: Uint8Array) => string;
  /** Changes whose effect is known: a payload or whole bytes, and the code that must come of it. */
  readonly special: readonly { readonly bytes: Uint8Array; readonly payload?: Uint8Array; readonly expect: string }[];
}

/** What may be wrong around an honest payload. */
export type Variation = "foreignKey" | "otherAlgorithm" | "otherType" | "extraProtected" | "unprotected" | "untagged";

const NOW = TEST_EPOCH + DAY_MS;
const SITE = testSite({ statuses: { 21: "revoked", 22: "suspended", 23: "superseded" } });
const { keys, site, root, issuer } = SITE;
const stranger = testSigner("stranger");
const state: SiteState = SITE.client().state;
const entry = state.trust?.issuers.get(SITE.issuerId) as NonNullable<
  ReturnType<NonNullable<SiteState["trust"]>["issuers"]["get"]>
>;

function outcome(verdict: { readonly ok: true } | { readonly ok: false; readonly code: string }): string {
  return verdict.ok ? "ACCEPTED" : verdict.code;
}

/** Signs like the real thing, but with any payload and any one thing wrong around it. */
function signer(key: Signer, typ: string | undefined): Target["sign"] {
  return (payload, variation) => {
    const by = variation === "foreignKey" ? stranger : key;
    const header = new Map<CborValue, CborValue>([
      [1, variation === "otherAlgorithm" ? -8 : -19],
      [4, by.keyId],
    ]);
    if (typ !== undefined) header.set(16, variation === "otherType" ? "application/vnd.badgekey.other" : typ);
    else if (variation === "otherType") header.set(16, "application/cwt");
    if (variation === "extraProtected") header.set(99, 1);
    const bytes = encodeSign1(header, payload, (message) => by.sign(message));
    if (variation === "untagged") return bytes.subarray(1);
    if (variation !== "unprotected") return bytes;
    const parts = [...((decodeStrict(bytes) as Tagged).value as CborValue[])];
    parts[1] = new Map([[4, by.keyId]]);
    return encodeDeterministic(new Tagged(18, parts));
  };
}

function payloadOf(bytes: Uint8Array): Uint8Array {
  return ((decodeStrict(bytes) as Tagged).value as CborValue[])[2] as Uint8Array;
}

function object(
  name: string,
  original: Uint8Array,
  key: Signer,
  typ: string,
  required: readonly number[],
  read: Target["read"],
  more: Partial<Target> = {},
): Target {
  return {
    name,
    original,
    payload: payloadOf(original),
    required,
    siteLabel: 1,
    sign: signer(key, typ),
    read,
    special: [],
    ...more,
  };
}

const VENDOR = "application/vnd.badgekey.";
const nonce = new Uint8Array(16).fill(5);
const badgeBytes = SITE.badge();
const heartbeat = SITE.heartbeat(SITE.first, 2, NOW);
const rootTwo = { ...root, site, version: 2 };

function rootTarget(): Target {
  const original = signRoot(rootTwo, [keys.root]);
  const parts = (decodeStrict(original) as Tagged).value as CborValue[];
  const sign: Target["sign"] = (payload, variation) => {
    const by = variation === "foreignKey" ? stranger : keys.root;
    const body = encodeDeterministic(
      new Map<CborValue, CborValue>([
        [16, variation === "otherType" ? "other" : `${VENDOR}root`],
        ...(variation === "extraProtected" ? ([[99, 1]] as const) : []),
      ]),
    );
    const header = encodeDeterministic(
      new Map<CborValue, CborValue>([
        [1, variation === "otherAlgorithm" ? -8 : -19],
        [4, by.keyId],
      ]),
    );
    const signature = by.sign(encodeDeterministic(["Signature", body, header, new Uint8Array(0), payload]));
    const outer = [
      body,
      variation === "unprotected" ? new Map([[4, by.keyId]]) : new Map(),
      payload,
      [[header, new Map(), signature]],
    ];
    return encodeDeterministic(variation === "untagged" ? outer : new Tagged(98, outer));
  };
  const read = (bytes: Uint8Array) => {
    const client = TrustClient.start(SITE.rootBytes, { site, agent: "laser-1", monotonicMs: 0 });
    if (!client.ok) throw new Error(client.code);
    const offer = client.value.offer("root/2", bytes, 0);
    return offer.outcome === "accepted"
      ? "ACCEPTED"
      : offer.outcome === "waiting"
        ? (offer.detail ?? "waiting")
        : offer.outcome;
  };
  const twice = { ...rootTwo, roles: { ...root.roles, trust: root.roles.policy } };
  return {
    name: "root",
    original,
    payload: parts[2] as Uint8Array,
    required: [1, 2, 4, 6, 10, 11],
    sign,
    read,
    special: [
      { bytes: signRoot({ ...rootTwo, version: 3 }, [keys.root]), expect: "ROOT_VERSION_SKIPPED" },
      { bytes: signRoot(twice, [keys.root]), expect: "KEY_REUSED" },
      { bytes: signRoot({ ...rootTwo, expiresAt: TEST_EPOCH - 1000 }, [keys.root]), expect: "OBJECT_EXPIRED" },
      { bytes: signRoot({ ...rootTwo, site: sha256(site) }, [keys.root]), expect: "OBJECT_WRONG_SITE" },
      {
        bytes: signRoot(
          {
            ...rootTwo,
            roles: { ...root.roles, root: { threshold: 2, keys: [keys.root.publicKey, stranger.publicKey] } },
          },
          [keys.root],
        ),
        expect: "THRESHOLD_NOT_MET",
      },
    ],
  };
}

/** The workflow around the objects: the same client is asked again and again, because a refusal changes nothing. */
function workflowTarget(): Target {
  const base = object(
    "heartbeat by the client",
    heartbeat,
    keys.online,
    `${VENDOR}heartbeat`,
    [1, 2, 4, 5, 10],
    () => "",
    {},
  );
  let client = SITE.client();
  const read = (bytes: Uint8Array) => {
    const { outcome: said, detail } = client.offer("heartbeat", bytes, DAY_MS);
    if (said !== "accepted" && said !== "waiting") return said;
    client = SITE.client();
    return said === "accepted" ? "ACCEPTED" : (detail ?? "waiting");
  };
  const bare = { trust: SITE.first.trust, policy: SITE.first.policy };
  return {
    ...base,
    read,
    special: [
      { bytes: SITE.heartbeat(SITE.first, 2, Date.UTC(2036, 0, 1)), expect: "TIME_IMPLAUSIBLE" },
      { bytes: SITE.heartbeat(SITE.first, 2, TEST_EPOCH - DAY_MS), expect: "OBJECT_EXPIRED" },
      { bytes: SITE.heartbeat(SITE.first, 1, TEST_EPOCH + 5000), expect: "LIST_EQUIVOCATED" },
      { bytes: SITE.heartbeat({ policy: bare.policy }, 2, NOW), expect: "LIST_ROLLED_BACK" },
      {
        bytes: SITE.heartbeat({ ...SITE.first, policy: { version: 1, bytes: SITE.policy(2) } }, 2, NOW),
        expect: "LIST_EQUIVOCATED",
      },
    ],
  };
}

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

const record = encodeUsageRecord({
  kind: "sessionEnded",
  at: NOW,
  clock: "synced",
  machine: "laser-1",
  upMs: 123_456,
  session: nonce.subarray(0, 8),
  holder: "a1b2c3d4",
  issuer: keys.issuer.keyId,
  statusIndex: 7,
  badge: sha256(badgeBytes).subarray(0, 8),
  grants: [{ training: 1, level: 2 }],
  durationMs: 60_000,
});
const row = { boot: 3, sequence: 9, previous: sha256(nonce), salt: nonce, body: record };

/** Rows have no signature of their own: what the agent's signed checkpoints say of the chain stands for it. */
const checkpoints = new Set<string>([chainOf(row)]);

function chainOf(one: UsageRow): string {
  return toHex(chainAfter(one, rowCommitment(one)));
}

function usage(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

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
  {
    name: "usage packet",
    original: encodeUsagePacket([row]),
    payload: record,
    required: [1, 2, 3, 4, 5],
    sign: (payload) => {
      const body = payload.length === 0 || payload.length > 4096 ? Uint8Array.of(0xf6) : payload;
      checkpoints.add(chainOf({ ...row, body }));
      return encodeUsagePacket([{ ...row, body }]);
    },
    read: (bytes) =>
      usage(() => {
        for (const one of decodeUsagePacket(bytes)) {
          if (!checkpoints.has(chainOf(one))) return "NOT_OF_THE_CHAIN";
          decodeUsageRecord(one.body);
        }
        return "ACCEPTED";
      }),
    special: [
      { bytes: concatBytes(encodeUsagePacket([row]), Uint8Array.of(0)), expect: "CBOR_TRAILING_BYTES" },
      { bytes: encodeDeterministic([]), expect: "USAGE_MALFORMED" },
    ],
  },
];
