import { sha256 } from "#crypto";
import type { BadgeClaims } from "../badge/badge.js";
import { DAY_MS } from "../badge/badge.js";
import { signBadge } from "../badge/issue.js";
import { toHex } from "../cbor/value.js";
import { signerOf } from "../crypto/signer.js";
import { type Status, setStatus } from "../status/status-list.js";
import { TrustClient } from "../trust/client.js";
import { type Announced, signHeartbeat, statusName } from "../trust/heartbeat.js";
import { type MachinePolicyInput, machinePolicySchema } from "../trust/machine-policy.js";
import { type Policy, type PolicyMachine, signPolicy } from "../trust/policy.js";
import { type Root, signRoot, siteOf } from "../trust/root.js";
import { signStatusList } from "../trust/status-token.js";
import { type IssuerEntry, signTrustList } from "../trust/trust-list.js";
import type { Instant, Signer } from "../verdict.js";

/** 2026-01-01T00:00:00Z: when test sites begin. */
export const TEST_EPOCH = Date.UTC(2026, 0, 1);

/** Signer from a name: the same name is the same key in every run. */
export function testSigner(name: string): Signer {
  return signerOf(sha256(new TextEncoder().encode(`badgekey test key ${name}`)));
}

export interface TestSiteOptions {
  readonly at?: Instant;
  readonly machines?: Readonly<Record<string, MachinePolicyInput & { readonly agent?: string }>>;
  readonly statuses?: Readonly<Record<number, Status>>;
  readonly issuer?: Partial<IssuerEntry>;
  readonly lockouts?: Policy["lockouts"];
  /** IANA name; UTC unless told. */
  readonly timeZone?: string;
  /** Statuses in the list; 1,024 unless told. */
  readonly capacity?: number;
}

/** Site-state objects of one small site, really signed: 1 laser, 2 printer, 3 lathe; one issuer. */
export function testSite(options: TestSiteOptions = {}) {
  const at = options.at ?? TEST_EPOCH;
  const keys = {
    root: testSigner("root"),
    trust: testSigner("trust"),
    policy: testSigner("policy"),
    online: testSigner("online"),
    command: testSigner("command"),
    issuer: testSigner("issuer"),
    status: testSigner("status"),
    agent: testSigner("agent"),
  };
  const one = (signer: Signer) => ({ threshold: 1, keys: [signer.publicKey] });
  const root: Root = {
    version: 1,
    issuedAt: at,
    expiresAt: at + 3650 * DAY_MS,
    roles: {
      root: one(keys.root),
      trust: one(keys.trust),
      policy: one(keys.policy),
      online: one(keys.online),
      command: one(keys.command),
    },
  };
  const rootBytes = signRoot(root, [keys.root]);
  const site = siteOf(rootBytes);
  const issuer: Omit<IssuerEntry, "keyId"> = {
    key: keys.issuer.publicKey,
    name: "Test makerspace",
    notBefore: at - 400 * DAY_MS,
    notAfter: at + 800 * DAY_MS,
    trainings: new Map(Array.from({ length: 24 }, (_, number) => [number, number])),
    highestAssurance: 4,
    statusKey: keys.status.publicKey,
    statusUri: "https://badges.example/status/1",
    ...options.issuer,
  };
  const trust = (version = 1) =>
    signTrustList({ version, issuedAt: at, expiresAt: at + 400 * DAY_MS, issuers: [issuer] }, site, keys.trust);
  const policy = (version = 1) => {
    const machines = new Map<string, PolicyMachine & { policy: ReturnType<typeof machinePolicySchema.parse> }>();
    const defaults = { "laser-1": { name: "Laser cutter", requires: [[{ training: 1, level: 2 as const }]] } };
    for (const [id, { agent, ...input }] of Object.entries(
      options.machines ?? (defaults as NonNullable<TestSiteOptions["machines"]>),
    )) {
      machines.set(id, {
        policy: machinePolicySchema.parse(input),
        agent: agent ?? id,
        agentKey: keys.agent.publicKey,
      });
    }
    const trainings = new Map([
      [1, { slug: "laser", name: "Laser cutter", url: "https://makerspace.example/laser" }],
      [2, { slug: "printer", name: "3D printer", url: "" }],
      [3, { slug: "lathe", name: "Lathe", url: "" }],
    ]);
    return signPolicy(
      {
        version,
        issuedAt: at,
        expiresAt: at + 400 * DAY_MS,
        siteName: "Test",
        timeZone: options.timeZone ?? "UTC",
        trainings,
        machines,
        lockouts: options.lockouts ?? new Map(),
      },
      site,
      keys.policy,
    );
  };
  const status = (version = 1, statuses: Readonly<Record<number, Status>> = options.statuses ?? {}) => {
    const packed = new Uint8Array((options.capacity ?? 1024) / 4);
    for (const [index, value] of Object.entries(statuses)) setStatus(packed, Number(index), value);
    return signStatusList(
      { uri: issuer.statusUri, version, issuedAt: at, expiresAt: at + 30 * DAY_MS, packed, ttlSeconds: 3600 },
      site,
      keys.status,
    );
  };
  const listName = statusName(keys.issuer.keyId);
  const heartbeat = (
    objects: Readonly<Record<string, { version: number; bytes: Uint8Array }>>,
    version = 1,
    now = at,
  ) =>
    signHeartbeat(
      {
        version,
        now,
        expiresAt: now + DAY_MS,
        objects: new Map<string, Announced>(
          Object.entries(objects).map(([name, { version, bytes }]) => [name, { version, hash: sha256(bytes) }]),
        ),
      },
      site,
      keys.online,
    );
  const first = {
    trust: { version: 1, bytes: trust() },
    policy: { version: 1, bytes: policy() },
    [listName]: { version: 1, bytes: status() },
  };
  /** A client that holds the whole site state; monotonic time starts at 0. */
  const client = (agent = "laser-1"): TrustClient => {
    const started = TrustClient.start(rootBytes, { site, agent, monotonicMs: 0 });
    if (!started.ok) throw new Error(`the test site's root was refused: ${started.code}`);
    const offers = [
      started.value.offer("heartbeat", heartbeat(first), 0),
      ...Object.entries(first).map(([name, { bytes }]) => started.value.offer(name, bytes, 0)),
    ];
    const refused = offers.find((offer) => offer.outcome !== "accepted");
    if (refused) throw new Error(`the test site was refused: ${refused.outcome} ${refused.detail ?? ""}`);
    return started.value;
  };
  /** A standard badge for laser level 2 unless told; bound to no card unless told. */
  const badge = (claims: Partial<BadgeClaims> = {}, signer = keys.issuer): Uint8Array =>
    signBadge(
      {
        holder: "a1b2c3d4",
        issuedAt: at,
        expiresAt: at + 300 * DAY_MS,
        statusIndex: 7,
        grants: [{ training: 1, level: 2, daysBefore: 0 }],
        ...claims,
      },
      signer,
    );
  return {
    at,
    keys,
    root,
    rootBytes,
    site,
    issuer,
    issuerId: toHex(keys.issuer.keyId),
    listName,
    trust,
    policy,
    status,
    heartbeat,
    first,
    client,
    badge,
  };
}

export type TestSite = ReturnType<typeof testSite>;
