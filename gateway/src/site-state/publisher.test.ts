import { TrustClient, type Training, randomBytes } from "@badgekey/shared";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { ownStatusName } from "./lists.js";
import { Publisher, type PublisherDeps } from "./publisher.js";
import { type Site, openSite } from "./site.js";

const START = Date.parse("2027-01-15T12:00:00Z");
const DAY_MS = 86_400_000;

let directory: string;
let site: Site;
let stores: TestStores;
let now: number;
let sent: { name: string; bytes: Uint8Array }[];
let trainings: Map<number, Training>;
let deps: PublisherDeps;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "badgekey-publisher-"));
  now = START;
  site = openSite(directory, now);
  stores = await openTestStores();
  sent = [];
  trainings = new Map();
  deps = {
    site,
    siteName: "Test site",
    timeZone: "Europe/Berlin",
    content: {
      trainings: () => Promise.resolve(new Map(trainings)),
      machines: () => Promise.resolve(new Map()),
      lockouts: () => Promise.resolve(new Map()),
      statuses: () => ({ packed: new Uint8Array(32_768), badges: [], putBack: () => undefined }),
    },
    store: stores.objects,
    send: (name, bytes) => sent.push({ name, bytes }),
    clock: () => now,
  };
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const names = () => sent.splice(0).map(({ name }) => name);

function startClient(): TrustClient {
  const root = site.roots[0] as Uint8Array;
  const client = TrustClient.start(root, { site: site.id, agent: "laser-1", monotonicMs: 0 });
  return client.ok ? client.value : expect.fail(client.code);
}

describe("Publisher", () => {
  test("signs everything at the first start, lists before the heartbeat that announces them", async () => {
    const publisher = await Publisher.open(deps);
    const { versions } = await publisher.publish();
    expect(Object.fromEntries(versions)).toEqual({ trust: 1, policy: 1, [ownStatusName(site)]: 1, heartbeat: 1 });
    expect(names()).toEqual(["trust", "policy", ownStatusName(site), "heartbeat"]);
  });

  test("a trust client that receives it in any order accepts all of it", async () => {
    const publisher = await Publisher.open(deps);
    await publisher.publish();
    for (const order of [[...sent], [...sent].reverse()]) {
      const client = startClient();
      for (const { name, bytes } of order) client.offer(name, bytes, 0);
      expect([...client.state.applied.keys()].sort()).toEqual([
        "heartbeat",
        "policy",
        "root",
        ownStatusName(site),
        "trust",
      ]);
    }
  });

  test("a heartbeat alone leaves the lists as they are; versions only rise, over a restart too", async () => {
    const first = await Publisher.open(deps);
    await first.publish();
    await first.publish();
    now += 300_000;
    const second = await Publisher.open(deps);
    const { versions } = await second.publish(["policy"]);
    expect(Object.fromEntries(versions)).toEqual({ trust: 1, policy: 2, [ownStatusName(site)]: 1, heartbeat: 3 });
    expect(names().slice(-2)).toEqual(["policy", "heartbeat"]);
  });

  test("changes that come together share one round, and each sees its own change in it", async () => {
    const publisher = await Publisher.open(deps);
    await publisher.publish();
    names();
    const rounds = await Promise.all(Array.from({ length: 50 }, () => publisher.publish(["status"])));
    expect(new Set(rounds.map(({ versions }) => versions.get(ownStatusName(site))))).toEqual(new Set([2]));
    expect(names()).toEqual([ownStatusName(site), "heartbeat"]);
  });

  test("what changes during a round is in the next one", async () => {
    const publisher = await Publisher.open(deps);
    const first = publisher.publish(["policy"]);
    trainings.set(1, { slug: "laser", name: "Laser", url: "" });
    const [, second] = await Promise.all([first, first.then(() => publisher.publish(["policy"]))]);
    const client = startClient();
    for (const { name, bytes } of sent) client.offer(name, bytes, 0);
    expect(second.versions.get("policy")).toBe(2);
    expect(client.state.policy?.trainings.get(1)?.slug).toBe("laser");
  });

  test("re-signs each list at two thirds of its life", async () => {
    const publisher = await Publisher.open(deps);
    await publisher.publish();
    now = START + 19 * DAY_MS;
    await publisher.publish();
    names();
    now = START + 20 * DAY_MS;
    await publisher.publish();
    expect(names()).toEqual([ownStatusName(site), "heartbeat"]);
    now = START + 267 * DAY_MS;
    await publisher.publish();
    expect(names()).toEqual(["trust", "policy", ownStatusName(site), "heartbeat"]);
  });

  test("what could not be stored is not sent, and is signed again under the same version", async () => {
    const publisher = await Publisher.open(deps);
    await publisher.publish();
    names();
    const putBack: string[] = [];
    const statuses = () => ({ packed: new Uint8Array(32_768), badges: [], putBack: () => putBack.push("status") });
    const save = (...given: Parameters<typeof stores.objects.save>) =>
      putBack.length === 0 ? Promise.reject(new Error("disk full")) : stores.objects.save(...given);
    const failing = await Publisher.open({
      ...deps,
      content: { ...deps.content, statuses },
      store: { ...stores.objects, save },
    });
    await expect(failing.publish(["status"])).rejects.toThrow("disk full");
    expect(names()).toEqual([]);
    expect(putBack).toEqual(["status"]);
    const { versions } = await failing.publish();
    expect(versions.get(ownStatusName(site))).toBe(2);
  });

  test("answers the time with the heartbeat it stands for, and not while its own clock is behind", async () => {
    const publisher = await Publisher.open(deps);
    expect(publisher.answerTime("laser-1", randomBytes(16))).toBeUndefined();
    await publisher.publish();
    const client = startClient();
    for (const { name, bytes } of sent) client.offer(name, bytes, 0);
    const nonce = randomBytes(16);
    client.askTime(nonce, 0);
    expect(client.answerTime(publisher.answerTime("laser-1", nonce) as Uint8Array, 0)).toMatchObject({
      outcome: "accepted",
    });
    expect(client.clock).toMatchObject({ state: "synced", freshAt: START });

    now = START - 6 * 60_000;
    expect(publisher.clockIsSound()).toBe(false);
    expect(publisher.answerTime("laser-1", nonce)).toBeUndefined();
    // Heartbeats go on, but time on the wire does not go back.
    await publisher.publish();
    expect(publisher.object("heartbeat")).toMatchObject({ version: 2, issuedAt: START });
  });

  test("sends all of it again to a broker that has just started, roots first", async () => {
    const publisher = await Publisher.open(deps);
    await publisher.publish();
    names();
    publisher.sendAll();
    const order = names();
    expect(order[0]).toBe("root/1");
    expect(order.at(-1)).toBe("heartbeat");
    expect(order).toHaveLength(5);
  });
});
