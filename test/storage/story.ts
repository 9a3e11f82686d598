import type { UsageRow } from "@badgekey/shared";
import { signRoot } from "@badgekey/shared";
import { testSigner, testSite } from "@badgekey/shared/testing";

/** What the programs of this folder write, so that whoever finds it on a disk knows what it must be. */

export const AGENT = "laser-1";
export const site = testSite();

/** Settings of the story's journal below a folder; its parts lie in folders of their own, which must be there. */
export function storyJournal(folder: string) {
  return {
    path: `${folder}/journal/journal.db`,
    bootsFile: `${folder}/enrolment/boots`,
    site: site.site,
    agent: AGENT,
    bootFloor: 0,
    ballastBytes: 65_536,
  };
}

export const FOLDERS = ["journal", "enrolment", "site-state"] as const;

/** Record n: 40 to 340 bytes that say who they are. */
export function bodyOf(n: number): Uint8Array {
  const text = `record ${String(n)} `;
  return new TextEncoder().encode(text + "x".repeat(30 + ((n * 97) % 300)));
}

export function numberOf({ body }: Pick<UsageRow, "body">): number | undefined {
  const n = Number(/^record ([0-9]+) x+$/.exec(Buffer.from(body).toString("latin1"))?.[1]);
  return Number.isNaN(n) || !Buffer.from(bodyOf(n)).equals(body) ? undefined : n;
}

/** The marks that go with record n: a counter, and an out-of-service mark that comes and goes. */
export function marksOf(n: number): Map<string, Uint8Array | null> {
  return new Map([
    ["counter", Uint8Array.of(n >> 8, n & 255)],
    ["outOfService", Math.floor(n / 5) % 2 === 0 ? null : new TextEncoder().encode(`lens cracked ${String(n)}`)],
  ]);
}

interface Version {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Site state as a gateway publishes it: lists, their successors, and a root that replaces the online key. */
export const offers: readonly (readonly [name: string, bytes: Uint8Array])[] = (() => {
  const { listName } = site;
  const { trust, policy, [listName]: status } = site.first as Record<string, Version>;
  if (!trust || !policy || !status) throw new Error("the test site is not what this story expects");
  const status2 = { version: 2, bytes: site.status(2, { 3: "revoked" }) };
  const policy2 = { version: 2, bytes: site.policy(2) };
  const online = { threshold: 1, keys: [testSigner("online-2").publicKey] };
  const root = { ...site.root, version: 2, site: site.site, roles: { ...site.root.roles, online } };
  return [
    ["heartbeat", site.heartbeat({ trust, policy, [listName]: status }, 1)],
    ["trust", trust.bytes],
    ["policy", policy.bytes],
    [listName, status.bytes],
    ["heartbeat", site.heartbeat({ trust, policy, [listName]: status2 }, 2)],
    [listName, status2.bytes],
    ["heartbeat", site.heartbeat({ trust, policy: policy2, [listName]: status2 }, 3)],
    ["policy", policy2.bytes],
    ["root/2", signRoot(root, [site.keys.root])],
  ];
})();
