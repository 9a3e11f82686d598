import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrustClient, signRoot } from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";
import { describe, expect, test } from "vitest";
import { Events } from "../testing/events.js";
import { PowerCutDisk, PowerCutError } from "../testing/power-cut-disk.js";
import { type LogLine, silentLog } from "../testing/silent-log.js";
import { type Disk, diskFolder } from "./durable-folder.js";
import { siteStateStore } from "./site-state-store.js";

const site = testSite();
const { listName } = site;

const storeOn = (disk: Disk, lines?: Events<LogLine>) =>
  siteStateStore({ disk, roots: [site.rootBytes], log: silentLog(lines) });

/** A trust client as it comes out of the cache at a boot without network. */
async function boot(disk: Disk, lines?: Events<LogLine>) {
  const loaded = await storeOn(disk, lines).load();
  const started = TrustClient.start(loaded.firstRoot, { site: site.site, agent: "laser-1", monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  const offers = started.value.restore(loaded.objects, 0);
  const refused = loaded.objects.map(({ name }) => name).filter((_, i) => offers[i]?.outcome !== "accepted");
  return { client: started.value, refused, loaded };
}

function versionsOf(client: TrustClient): string {
  return [...client.state.applied]
    .map(([name, { version }]) => `${name}=${String(version)}`)
    .sort()
    .join(" ");
}

const v = (version: number, bytes: Uint8Array) => ({ version, bytes });
/** Lists replaced, a list that never arrives, heartbeats that change nothing. */
const story = (() => {
  const { trust, policy, [listName]: status } = site.first as Record<string, { version: number; bytes: Uint8Array }>;
  if (!trust || !policy || !status) throw new Error("the test site is not what this test expects");
  const status2 = v(2, site.status(2, { 3: "revoked" }));
  const status3 = v(3, site.status(3, { 3: "revoked", 4: "suspended" }));
  const policy2 = v(2, site.policy(2));
  const heartbeat = (n: number, lists: Record<string, { version: number; bytes: Uint8Array }>) =>
    ["heartbeat", site.heartbeat(lists, n)] as const;
  return [
    heartbeat(1, { trust, policy, [listName]: status }),
    ["trust", trust.bytes] as const,
    ["policy", policy.bytes] as const,
    [listName, status.bytes] as const,
    heartbeat(2, { trust, policy, [listName]: status2 }),
    [listName, status2.bytes] as const,
    heartbeat(3, { trust, policy: policy2, [listName]: status3 }),
    ["policy", policy2.bytes] as const,
    heartbeat(4, { trust, policy: policy2, [listName]: status3 }),
    heartbeat(5, { trust, policy: policy2, [listName]: status3 }),
  ];
})();

/** Replaces the online key: the heartbeat goes with it. */
const rotation = (() => {
  const { root, keys } = site;
  const online = { threshold: 1, keys: [testSigner("online-2").publicKey] };
  const next = { ...root, version: 2, site: site.site, roles: { ...root.roles, online } };
  return ["root/2", signRoot(next, [keys.root])] as const;
})();

/** Plays a story into a store; returns every state the client was in. */
async function play(
  disk: Disk,
  offers: readonly (readonly [string, Uint8Array])[] = story,
): Promise<{ states: string[]; cut: boolean }> {
  const store = storeOn(disk);
  const started = TrustClient.start(site.rootBytes, { site: site.site, agent: "laser-1", monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  const states = [versionsOf(started.value)];
  try {
    await store.load();
    for (const [name, bytes] of offers) {
      const offer = started.value.offer(name, bytes, 0);
      if (offer.outcome !== "accepted") throw new Error(`${name}: ${offer.outcome} ${offer.detail ?? ""}`);
      states.push(versionsOf(started.value));
      await store.save(offer.accepted, offer.removed);
      await store.saveClock(TEST_EPOCH + states.length, TEST_EPOCH);
    }
  } catch (error) {
    if (!(error instanceof PowerCutError)) throw error;
    return { states, cut: true };
  }
  return { states, cut: false };
}

describe("site-state store", () => {
  test("brings the client back to where it was, also with a list older than the newest heartbeat announces", async () => {
    const disk = new PowerCutDisk();
    const { states } = await play(disk);
    const { client, refused, loaded } = await boot(disk);
    expect(versionsOf(client)).toBe(states.at(-1));
    expect(versionsOf(client)).toContain(`${listName}=2`);
    expect(refused).toEqual([]);
    expect(loaded.floorAt).toBe(TEST_EPOCH + states.length);
    expect(loaded.freshAt).toBe(TEST_EPOCH);
    expect((await disk.list()).filter((name) => name.startsWith("heartbeat"))).toEqual(["heartbeat.cose"]);
  });

  test("brings the client back to lists in force without any heartbeat, after the online key was replaced", async () => {
    const disk = new PowerCutDisk();
    const { states } = await play(disk, [...story, rotation]);
    const { client, refused } = await boot(disk);
    expect(versionsOf(client)).toBe(states.at(-1));
    expect(versionsOf(client)).not.toContain("heartbeat");
    expect(refused).toEqual([]);
    expect(await disk.list()).not.toContain("heartbeat.cose");
  });

  test("loads in the order of restoring, whatever order the folder lists its files in", async () => {
    const disk = new PowerCutDisk();
    const bytes = Uint8Array.of(1);
    const order = ["root/2", "root/10", "heartbeat", "trust", "policy", listName];
    await storeOn(disk).save(
      order.toReversed().map((name) => ({ name, bytes })),
      [],
    );
    expect((await disk.list())[0]).toMatch(/^status-/);
    expect((await storeOn(disk).load()).objects.map(({ name }) => name)).toEqual(order);
  });

  test("a power cut at any operation leaves a state that the client was in, never an older one than was saved", async () => {
    const whole = new PowerCutDisk();
    await play(whole, [...story, rotation]);
    expect(whole.operations).toBeGreaterThan(40);
    for (let operation = 0; operation < whole.operations; operation++) {
      const disk = new PowerCutDisk();
      disk.cutAfter(operation);
      const { states, cut } = await play(disk, [...story, rotation]);
      expect(cut).toBe(true);
      for (const keeps of [0, 0.5, 1]) {
        const { client, refused, loaded } = await boot(disk.afterCut(keeps));
        const found = states.indexOf(versionsOf(client));
        // The last state was not saved yet, so the one before it must be there.
        expect(found, `operation ${String(operation)}: ${versionsOf(client)}`).toBeGreaterThanOrEqual(
          states.length - 2,
        );
        // Between the new root and the removal of what it discards, the old heartbeat lies there and counts no more.
        expect(refused).toEqual(client.state.root.version === 2 && refused.length > 0 ? ["heartbeat"] : []);
        // The clock of the state before the last was durable, or there was none.
        expect(loaded.floorAt).toBeGreaterThanOrEqual(states.length < 4 ? 0 : TEST_EPOCH + states.length - 2);
      }
    }
  });

  test("the store goes on after a cut", async () => {
    const disk = new PowerCutDisk();
    disk.cutAfter(17);
    await play(disk);
    const next = disk.afterCut(0.5);
    const { states } = await play(next);
    expect(versionsOf((await boot(next)).client)).toBe(states.at(-1));
    expect((await next.list()).some((name) => name.endsWith(".tmp"))).toBe(false);
  });

  test.each([
    ["emptied", () => new Uint8Array()],
    ["cut off", (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 9)],
    ["with a flipped bit", (bytes: Uint8Array) => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    ["grown beyond every limit", () => new Uint8Array(300_000)],
  ])("a file %s is left out or refused, and the rest is restored", async (_what, change) => {
    for (const file of ["heartbeat.cose", "trust.cose", "policy.cose", `status-${site.issuerId}.cose`]) {
      const disk = new PowerCutDisk();
      await play(disk);
      disk.damage(file, change);
      const { client } = await boot(disk);
      const whole = new Set(["heartbeat", "trust", "policy", listName]);
      whole.delete(file.replace(".cose", "").replace("-", "/"));
      // Without its trust list nothing says whose status list counts.
      if (file === "trust.cose") whole.delete(listName);
      for (const name of whole) expect([...client.state.applied.keys()], file).toContain(name);
    }
  });

  test("where the trust list has rotted, the network brings it back and the status list with it", async () => {
    const disk = new PowerCutDisk();
    await play(disk);
    disk.damage("trust.cose", (bytes) => bytes.subarray(1));
    const { client, refused } = await boot(disk);
    expect(refused).toEqual(["trust", listName]);
    const store = storeOn(disk);
    // In any order: the status list waits until the trust list says whose counts.
    expect(client.offer(listName, site.status(3, { 3: "revoked", 4: "suspended" }), 0).outcome).toBe("waiting");
    const { accepted, removed } = client.offer("trust", site.trust(), 0);
    expect(accepted.map(({ name }) => name)).toEqual(["trust", listName]);
    await store.save(accepted, removed);
    const next = await boot(disk);
    expect(next.refused).toEqual([]);
    expect(versionsOf(next.client)).toBe(versionsOf(client));
  });

  test("files that are none of ours are left alone, and told where they are damaged", async () => {
    const disk = new PowerCutDisk();
    await play(disk);
    await disk.writeSynced("notes.txt", Buffer.from("hello"));
    await disk.writeSynced("status-..-x.cose", Buffer.from("x"));
    await disk.writeSynced("policy.cose", new Uint8Array());
    await disk.writeSynced("clock-a", Buffer.from("badgekey-clock 1 9 9 9"));
    const lines = new Events<LogLine>();
    const { client, loaded } = await boot(disk, lines);
    expect(versionsOf(client)).toContain("heartbeat=5");
    expect(loaded.floorAt).toBeGreaterThan(TEST_EPOCH);
    expect(lines.all.map(({ text }) => text).join()).toMatch(/policy\.cose.*clock-a/);
    expect(await disk.list()).toContain("notes.txt");
  });

  test("without a clock the floor is nothing, which refuses more and never less", async () => {
    const { loaded } = await boot(new PowerCutDisk());
    expect([loaded.floorAt, loaded.freshAt, loaded.objects]).toEqual([0, 0, []]);
  });

  test("removed objects go, and names that could leave the folder are a defect", async () => {
    const disk = new PowerCutDisk();
    await play(disk);
    const store = storeOn(disk);
    await store.save([], [listName, "heartbeat"]);
    expect((await disk.list()).filter((name) => name.endsWith(".cose")).sort()).toEqual(["policy.cose", "trust.cose"]);
    const heartbeat = { name: "heartbeat", bytes: site.heartbeat(site.first, 1) };
    await store.save([heartbeat], ["heartbeat"]);
    expect(await disk.list()).toContain("heartbeat.cose");
    await expect(store.save([{ name: "../x", bytes: Uint8Array.of(1) }], [])).rejects.toThrow(RangeError);
    await store.saveClock(TEST_EPOCH + 1_000, TEST_EPOCH + 500);
    expect((await storeOn(disk).load()).freshAt).toBe(TEST_EPOCH + 500);
  });

  test("enrolled roots come first in their version, so that a rotten copy does not break the chain", async () => {
    const disk = new PowerCutDisk();
    const second = Uint8Array.of(2);
    const store = siteStateStore({ disk, roots: [site.rootBytes, second], log: silentLog() });
    await store.save([{ name: "root/2", bytes: Uint8Array.of(9) }, { name: "root/3", bytes: Uint8Array.of(3) }], []); // prettier-ignore
    expect((await store.load()).objects).toEqual([
      { name: "root/2", bytes: second },
      { name: "root/2", bytes: Uint8Array.of(9) },
      { name: "root/3", bytes: Uint8Array.of(3) },
    ]);
  });

  test("on the real disk: private files, no leftovers, and the same state after it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "badgekey-site-state-"));
    try {
      const path = join(folder, "site-state");
      const { states } = await play(diskFolder(path));
      expect(versionsOf((await boot(diskFolder(path))).client)).toBe(states.at(-1));
      for (const file of await readdir(path)) expect((await stat(join(path, file))).mode & 0o777).toBe(0o600);
      expect((await stat(path)).mode & 0o777).toBe(0o700);
      await writeFile(join(path, "trust.cose.tmp"), "half");
      await boot(diskFolder(path));
      expect(await readdir(path)).not.toContain("trust.cose.tmp");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
