import {
  type Instant,
  type Lockout,
  type MachinePolicy,
  type PolicyMachine,
  type Training,
  signPolicy,
  signStatusList,
  signTrustList,
  statusName,
  toHex,
} from "@badgekey/shared";
import type { Site } from "./site.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** How long each object is accepted as an update, ms. */
export const lifeMs = {
  trust: 400 * DAY_MS,
  policy: 400 * DAY_MS,
  status: 30 * DAY_MS,
  heartbeat: 24 * HOUR_MS,
} as const;

/** The name of the site's own status list. */
export function ownStatusName(site: Site): string {
  return statusName(site.keys.issuer.keyId);
}

/** The URI that ties the status list to its issuer's entry (SPEC 4.4). */
export function ownStatusUri(site: Site): string {
  return `urn:badgekey:${toHex(site.id.subarray(0, 8))}:status:${toHex(site.keys.issuer.keyId)}`;
}

interface Stamp {
  readonly version: number;
  readonly issuedAt: Instant;
}

export function signOwnTrustList(
  site: Site,
  siteName: string,
  trainings: ReadonlyMap<number, Training>,
  { version, issuedAt }: Stamp,
): Uint8Array {
  const { keys, root } = site;
  const issuer = {
    key: keys.issuer.publicKey,
    name: siteName,
    // An hour of slack: the founder's clock may have been set between root and first badge.
    notBefore: root.issuedAt - HOUR_MS,
    notAfter: root.expiresAt,
    trainings: new Map([...trainings.keys()].sort((a, b) => a - b).map((number) => [number, number])),
    highestAssurance: 4,
    statusKey: keys.status.publicKey,
    statusUri: ownStatusUri(site),
  } as const;
  return signTrustList(
    { version, issuedAt, expiresAt: issuedAt + lifeMs.trust, issuers: [issuer] },
    site.id,
    keys.trust,
  );
}

export interface PolicyContent {
  readonly siteName: string;
  readonly timeZone: string;
  readonly trainings: ReadonlyMap<number, Training>;
  readonly machines: ReadonlyMap<string, PolicyMachine & { readonly policy: MachinePolicy }>;
  readonly lockouts: ReadonlyMap<string, Lockout>;
}

export function signOwnPolicy(site: Site, content: PolicyContent, { version, issuedAt }: Stamp): Uint8Array {
  return signPolicy({ ...content, version, issuedAt, expiresAt: issuedAt + lifeMs.policy }, site.id, site.keys.policy);
}

export function signOwnStatusList(site: Site, packed: Uint8Array, { version, issuedAt }: Stamp): Uint8Array {
  const uri = ownStatusUri(site);
  const expiresAt = issuedAt + lifeMs.status;
  return signStatusList({ uri, version, issuedAt, expiresAt, packed, ttlSeconds: 300 }, site.id, site.keys.status);
}
