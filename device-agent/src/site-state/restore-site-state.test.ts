import { TrustClient } from "@badgekey/shared";
import { testSite } from "@badgekey/shared/testing";
import { expect, test } from "vitest";
import { PowerCutDisk } from "../testing/power-cut-disk.js";
import { silentLog } from "../testing/silent-log.js";
import { restoreSiteState } from "./restore-site-state.js";
import { siteStateStore } from "./site-state-store.js";

const site = testSite();
const options = { site: site.site, agent: "laser-1", monotonicMs: 0 };

async function cacheOnDisk() {
  const disk = new PowerCutDisk();
  const store = siteStateStore({ disk, roots: [site.rootBytes], log: silentLog() });
  const started = TrustClient.start(site.rootBytes, options);
  if (!started.ok) throw new Error(started.code);
  const offers = [["heartbeat", site.heartbeat(site.first, 1)], ...Object.entries(site.first).map(([name, { bytes }]) => [name, bytes])] as const; // prettier-ignore
  for (const [name, bytes] of offers) {
    const { accepted, removed } = started.value.offer(name as string, bytes as Uint8Array, 0);
    await store.save(accepted, removed);
  }
  await store.saveClock(site.at, site.at);
  await store.saveClock(site.at + 5, site.at + 5);
  return disk;
}

async function restored(disk: PowerCutDisk) {
  const store = siteStateStore({ disk, roots: [site.rootBytes], log: silentLog() });
  const outcome = restoreSiteState(await store.load(), options);
  if (!outcome.ok) throw new Error(outcome.code);
  const { trust, damaged } = outcome.value;
  return { damaged, freshAt: trust.clock.freshAt, floorAt: trust.clock.floorAt, held: trust.state.applied.size };
}

const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte));

test("R20: a whole cache comes back as fresh as it was", async () => {
  expect(await restored(await cacheOnDisk())).toEqual({
    damaged: [],
    freshAt: site.at + 5,
    floorAt: site.at + 5,
    held: 5,
  });
});

test.each(["heartbeat", "trust", "policy"])(
  "R20: with %s rotten nothing counts as fresh until one online sync",
  async (name) => {
    const disk = await cacheOnDisk();
    disk.damage(`${name}.cose`, flipped);
    const { damaged, freshAt, floorAt } = await restored(disk);
    expect(damaged.join()).toContain(name);
    expect([freshAt, floorAt]).toEqual([0, site.at + 5]);
  },
);

test("R20: an emptied file is damage, too", async () => {
  const disk = await cacheOnDisk();
  disk.damage("policy.cose", () => new Uint8Array());
  expect(await restored(disk)).toMatchObject({ damaged: ["policy.cose"], freshAt: 0 });
});

test("R15, R20: one damaged copy of the clock is told and costs one saving; both lost cost all freshness", async () => {
  const disk = await cacheOnDisk();
  disk.damage("clock-a", flipped);
  expect(await restored(disk)).toMatchObject({ damaged: ["clock-a"], freshAt: site.at });
  disk.damage("clock-b", flipped);
  expect(await restored(disk)).toMatchObject({ damaged: ["clock-a", "clock-b"], freshAt: 0 });
});

test("the root of another site is refused", async () => {
  const store = siteStateStore({ disk: new PowerCutDisk(), roots: [site.rootBytes], log: silentLog() });
  const loaded = await store.load();
  expect(restoreSiteState(loaded, { ...options, site: new Uint8Array(32) })).toMatchObject({
    ok: false,
    code: "OBJECT_WRONG_SITE",
  });
});
