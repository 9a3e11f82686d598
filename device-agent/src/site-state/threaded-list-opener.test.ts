import {
  type ListOpening,
  machinePolicySchema,
  openList,
  openPolicy,
  signDirectoryShard,
  signPolicy,
} from "@badgekey/shared";
import { testSite } from "@badgekey/shared/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { ListOpener } from "../ports.js";
import { fakeClock } from "../testing/fake-clock.js";
import { threadedListOpener } from "./threaded-list-opener.js";

const site = testSite({
  machines: { "laser-1": { name: "Laser" }, "saw-1": { name: "Saw" } },
  statuses: { 7: "revoked" },
});
const client = site.client();
const openers: ListOpener[] = [];

function open(clock = fakeClock()): ListOpener {
  const opener = threadedListOpener({ agent: "laser-1", scheduler: clock });
  openers.push(opener);
  return opener;
}

afterEach(async () => {
  await Promise.all(openers.splice(0).map((opener) => opener.close()));
});

describe("the thread that opens lists (SAFETY R8)", () => {
  test("comes to what this thread would come to; of a policy it sends its own agent's machines", async () => {
    const opener = open();
    const name = `directory/${site.issuerId}/0`;
    const shard = { version: 1, issuedAt: site.at, shard: 0, shards: 1, byKey: new Map(), byUid: new Map() };
    const successors = new Map([["ab".repeat(32), new Uint8Array(40)]]);
    const directory = signDirectoryShard({ ...shard, successors }, site.site, site.keys.issuer);
    for (const [one, bytes] of [
      ["trust", site.trust()],
      [name, directory],
    ] as const) {
      const opening = client.openingOf(one);
      expect(await opener.open(one, bytes, opening)).toEqual(openList(one, bytes, opening));
    }
    const status = await opener.open(site.listName, site.status(), client.openingOf(site.listName));
    const list = status.ok && status.value.kind === "status" ? status.value.list.list : undefined;
    expect([list?.get(7), list?.get(8), list?.length]).toEqual([1, 0, 1024]);
    const policy = await opener.open("policy", site.policy(), client.openingOf("policy"));
    const machines = policy.ok && policy.value.kind === "policy" ? policy.value.list.machines : undefined;
    expect([...(machines?.keys() ?? [])]).toEqual(["laser-1"]);
  });

  test("says why it refuses", async () => {
    const bytes = site.trust();
    bytes[bytes.length - 1]! ^= 1;
    expect(await open().open("trust", bytes, client.openingOf("trust"))).toMatchObject({
      code: "OBJECT_SIGNATURE_INVALID",
    });
  });

  test("a defect in it reaches whoever waits, and the next list finds a new thread", async () => {
    const opener = open();
    await expect(opener.open("trust", site.trust(), {} as ListOpening)).rejects.toThrow("the opener of lists failed");
    expect(await opener.open("trust", site.trust(), client.openingOf("trust"))).toMatchObject({ ok: true });
  });

  test("ends after a minute without work, and starts again for the next list", async () => {
    const clock = fakeClock();
    const opener = open(clock);
    await opener.open("trust", site.trust(), client.openingOf("trust"));
    await clock.advance(60_000);
    expect(await opener.open("trust", site.trust(), client.openingOf("trust"))).toMatchObject({ ok: true });
  });

  test("R8: while a policy of 250 machines is opened, the loop's thread goes on", async () => {
    const { root } = site;
    const small = openPolicy(site.policy(), root, site.site);
    if (!small.ok) throw new Error(small.code);
    const policy = machinePolicySchema.parse({ name: "Machine", requires: [[{ training: 1 }]] });
    const machines = new Map(Array.from({ length: 250 }, (_, at) => [`m${at}`, { policy, agent: `m${at}` }] as const));
    const bytes = signPolicy({ ...small.value, version: 2, machines }, site.site, site.keys.policy);
    const opening = client.openingOf("policy");
    let turns = 0;
    let isOpening = true;
    const turn = (): void => {
      turns += 1;
      if (isOpening) setImmediate(turn);
    };
    turn();
    expect(await open().open("policy", bytes, opening)).toMatchObject({ ok: true });
    isOpening = false;
    // Opened here it would be none: the loop would stand still for as long.
    expect(turns).toBeGreaterThan(10);
  });
});
