import { agentTopic, objectTopic, siteTopic } from "@badgekey/shared";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Publication } from "./broker.js";
import {
  createTestSite,
  Events,
  type Identity,
  site,
  startTestBroker,
  type TestBroker,
  type TestSite,
} from "./broker-fixture.js";
import { ListenError } from "./tls-listener.js";

let testSite: TestSite;
let laser: Identity;
let lathe: Identity;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  testSite = await createTestSite(Date.now());
  [laser, lathe] = await Promise.all([testSite.identity("laser"), testSite.identity("lathe")]);
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options?: Parameters<typeof startTestBroker>[1]): Promise<TestBroker> {
  const started = await startTestBroker(testSite, options);
  closing.push(() => started.broker.close());
  return started;
}

async function join(port: number, identity: Identity, options: IClientOptions): Promise<MqttClient> {
  const client = await connectAsync(`mqtts://127.0.0.1:${String(port)}`, {
    ...identity,
    ca: testSite.ca.certPem,
    reconnectPeriod: 0,
    ...options,
  });
  client.on("error", () => undefined);
  closing.push(() => client.endAsync(true));
  return client;
}

function closeOf(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", resolve));
}

/** Topic and payload of what arrives at a client. */
function listen(client: MqttClient): Events<{ topic: string; text: string; retain: boolean }> {
  const messages = new Events<{ topic: string; text: string; retain: boolean }>();
  client.on("message", (topic, payload, { retain }) => {
    messages.add({ topic, text: payload.toString(), retain });
  });
  return messages;
}

const usage = (agent: string) => agentTopic(site, agent, "usage");

describe("identity", () => {
  test("an agent with its own certificate and client id is admitted and told of", async () => {
    const { broker, presence } = await start();
    const client = await join(broker.port, laser, { clientId: "laser" });
    expect(broker.connected()).toEqual(["laser"]);
    await client.endAsync();
    expect(await presence.first(2)).toEqual(["+laser", "-laser"]);
    expect(broker.connected()).toEqual([]);
  });

  test.each([
    ["another agent's client id", { clientId: "lathe" }, 2],
    ["an empty client id", { clientId: "" }, 2],
    [
      "a will",
      { clientId: "laser", will: { topic: usage("laser"), payload: Buffer.from("x"), qos: 1, retain: false } },
      5,
    ],
    [
      "a will on a site object",
      { clientId: "laser", will: { topic: objectTopic(site, "trust"), payload: Buffer.from("x") } },
      5,
    ],
  ] as [string, IClientOptions, number][])("%s is refused", async (_title, options, code) => {
    const { broker, presence } = await start();
    await expect(join(broker.port, laser, options)).rejects.toMatchObject({ code });
    expect(broker.connected()).toEqual([]);
    expect(presence.all).toEqual([]);
    expect(broker.counts().refused).toBe(1);
  });

  test("a revoked certificate is refused by its serial", async () => {
    const asked: string[][] = [];
    const { broker } = await start({
      isRevoked(agent, serial) {
        asked.push([agent, serial]);
        return agent === "laser";
      },
    });
    await expect(join(broker.port, laser, { clientId: "laser" })).rejects.toMatchObject({ code: 5 });
    await join(broker.port, lathe, { clientId: "lathe" });
    expect(asked.map(([agent]) => agent)).toEqual(["laser", "lathe"]);
    expect(asked[0]?.[1]).toMatch(/^[0-9A-F]{32}$/);
  });

  test("a keep-alive that is absent or too long is refused", async () => {
    const { broker } = await start();
    await expect(join(broker.port, laser, { clientId: "laser", keepalive: 0 })).rejects.toThrow();
    await expect(join(broker.port, laser, { clientId: "laser", keepalive: 121 })).rejects.toThrow();
  });

  test("a second connection of an agent replaces the first", async () => {
    const { broker, presence } = await start();
    const first = await join(broker.port, laser, { clientId: "laser" });
    const gone = closeOf(first);
    const second = await join(broker.port, laser, { clientId: "laser" });
    await gone;
    expect(broker.connected()).toEqual(["laser"]);
    expect(presence.all).toEqual(["+laser", "+laser"]);
    await second.publishAsync(usage("laser"), "x", { qos: 1 });
    expect(broker.disconnect("laser")).toBe(true);
    await presence.first(3);
    expect(presence.all).toEqual(["+laser", "+laser", "-laser"]);
    expect(broker.disconnect("laser")).toBe(false);
  });

  test("no session outlives its connection, even when the client asks for it", async () => {
    const { broker } = await start();
    const client = await join(broker.port, laser, { clientId: "laser", clean: false });
    await client.subscribeAsync(agentTopic(site, "laser", "command"), { qos: 1 });
    await client.endAsync();
    await broker.publish(agentTopic(site, "laser", "command"), Buffer.from("while away"));
    const again = await join(broker.port, laser, { clientId: "laser", clean: false });
    const messages = listen(again);
    await again.subscribeAsync(agentTopic(site, "laser", "time-answer"), { qos: 1 });
    await broker.publish(agentTopic(site, "laser", "time-answer"), Buffer.from("later"));
    expect(await messages.first(1)).toMatchObject([{ text: "later" }]);
  });
});

describe("what an agent publishes", () => {
  test("reaches the gateway, and no other agent", async () => {
    const { broker, published } = await start();
    const client = await join(broker.port, laser, { clientId: "laser" });
    await client.publishAsync(usage("laser"), "one", { qos: 1 });
    await client.publishAsync(agentTopic(site, "laser", "report"), "two", { qos: 1 });
    await client.publishAsync(agentTopic(site, "laser", "time-query"), "three", { qos: 0 });
    const got = await published.first(3);
    expect(got.map(({ agent, topic, payload }) => [agent, topic, Buffer.from(payload).toString()])).toEqual([
      ["laser", "usage", "one"],
      ["laser", "report", "two"],
      ["laser", "time-query", "three"],
    ]);
  });

  test("is acknowledged only after the commit, the packets in flight being taken together", async () => {
    const begun = new Events<Publication>();
    const commits: (() => void)[] = [];
    const { broker } = await start({
      onPublish(publication) {
        begun.add(publication);
        return new Promise((resolve) => commits.push(resolve));
      },
    });
    const client = await join(broker.port, laser, { clientId: "laser" });
    const acknowledged: number[] = [];
    const sent = [0, 1, 2].map((index) =>
      client.publishAsync(usage("laser"), String(index), { qos: 1 }).then(() => acknowledged.push(index)),
    );
    await begun.first(3);
    // A round trip behind them: had they been acknowledged, it would show by now.
    await client.subscribeAsync(`${siteTopic(site)}/site/#`, { qos: 1 });
    expect(acknowledged).toEqual([]);
    commits[2]?.();
    await client.subscribeAsync(`${siteTopic(site)}/site/trust`, { qos: 1 });
    expect(acknowledged).toEqual([]); // the order of PUBACKs is that of the publishes
    commits[0]?.();
    commits[1]?.();
    await Promise.all(sent);
    expect(acknowledged).toEqual([0, 1, 2]);
  });

  test.each([
    ["rejects", () => Promise.reject(new Error("disk full"))],
    [
      "throws",
      () => {
        throw new Error("disk full");
      },
    ],
  ])("is sent again when the commit %s: the connection closes without PUBACK", async (_title, fail) => {
    let attempts = 0;
    const { broker, presence, log } = await start({
      onPublish: () => (++attempts === 1 ? fail() : Promise.resolve()),
    });
    const client = await join(broker.port, laser, { clientId: "laser", reconnectPeriod: 1 });
    await client.publishAsync(usage("laser"), "record", { qos: 1 });
    expect(attempts).toBe(2);
    expect(presence.all).toEqual(["+laser", "-laser", "+laser"]);
    expect(log.all.some(({ level, text }) => level === "error" && text.includes("not committed"))).toBe(true);
  });

  test.each([
    ["another agent's topic", usage("lathe"), false],
    ["a site object", objectTopic(site, "trust"), false],
    ["$SYS", "$SYS/x", false],
    ["its own topic, retained", usage("laser"), true],
  ])("to %s is quarantined and acknowledged, and good ones still pass", async (_title, topic, retain) => {
    const { broker, published, quarantined } = await start();
    const other = await join(broker.port, lathe, { clientId: "lathe" });
    const messages = listen(other);
    await other.subscribeAsync(`${siteTopic(site)}/site/#`, { qos: 1 });
    const client = await join(broker.port, laser, { clientId: "laser" });
    await client.publishAsync(topic, "forged", { qos: 1, retain });
    expect(quarantined.all).toEqual([{ agent: "laser", topic, bytes: 6 }]);
    await client.publishAsync(usage("laser"), "good", { qos: 1 });
    expect(published.all).toHaveLength(1);
    expect(broker.counts()).toMatchObject({ published: 1, quarantined: 1 });
    await broker.publish(objectTopic(site, "policy"), Buffer.from("genuine"), { retain: true });
    expect(await messages.first(1)).toMatchObject([{ text: "genuine" }]);
  });

  test("at QoS 2 ends the connection", async () => {
    const { broker, published, presence } = await start();
    const client = await join(broker.port, laser, { clientId: "laser" });
    const gone = closeOf(client);
    client.publish(usage("laser"), "x", { qos: 2 });
    await gone;
    await presence.first(2);
    expect(published.all).toEqual([]);
  });
});

describe("what an agent receives", () => {
  test("are retained objects, later ones, and what is meant for it", async () => {
    const { broker } = await start();
    await broker.publish(objectTopic(site, "trust"), Buffer.from("t1"), { retain: true });
    await broker.publish(objectTopic(site, "status/0a1b2c3d"), Buffer.from("s1"), { retain: true });
    await broker.publish(objectTopic(site, "status/0a1b2c3d"), Buffer.alloc(0), { retain: true });
    const client = await join(broker.port, laser, { clientId: "laser" });
    const messages = listen(client);
    await client.subscribeAsync(`${siteTopic(site)}/site/#`, { qos: 1 });
    expect(await messages.first(1)).toEqual([{ topic: objectTopic(site, "trust"), text: "t1", retain: true }]);
    await client.subscribeAsync(agentTopic(site, "laser", "command"), { qos: 1 });
    await broker.publish(agentTopic(site, "lathe", "command"), Buffer.from("not yours"));
    await broker.publish(agentTopic(site, "laser", "command"), Buffer.from("yours"));
    await broker.publish(objectTopic(site, "heartbeat"), Buffer.from("h1"), { retain: true });
    expect((await messages.first(3)).map(({ text }) => text)).toEqual(["t1", "yours", "h1"]);
  });

  test.each([
    "#",
    "$SYS/#",
    "+/+/+/agent/+/usage",
    usage("lathe"),
    usage("laser"),
    agentTopic(site, "lathe", "command"),
  ])("is nothing by the filter %s, the connection stays", async (filter) => {
    const { broker } = await start();
    const client = await join(broker.port, laser, { clientId: "laser" });
    const denied = await client.subscribeAsync(filter, { qos: 1 }).then(
      (granted) => granted[0]?.qos === 128,
      (error: unknown) => String(error).includes("Unspecified error") || (error as { code?: number }).code === 128,
    );
    expect(denied).toBe(true);
    await client.publishAsync(usage("laser"), "still here", { qos: 1 });
  });

  test("is bounded by the number of filters, and not offered at QoS 2", async () => {
    const { broker, presence } = await start({ limits: { maxSubscriptions: 2 } });
    const client = await join(broker.port, laser, { clientId: "laser" });
    const filters = ["a", "b", "c"].map((name) => objectTopic(site, name));
    await client.subscribeAsync(filters.slice(0, 2), { qos: 1 });
    await client.subscribeAsync(filters[0] as string, { qos: 1 });
    await expect(client.subscribeAsync(filters[2] as string, { qos: 1 })).rejects.toThrow();
    client.subscribe(filters[0] as string, { qos: 2 });
    await presence.first(2);
    expect(presence.all).toEqual(["+laser", "-laser"]);
  });

  test("is never published on a topic that is not the gateway's", async () => {
    const { broker } = await start();
    expect(() => broker.publish(usage("laser"), Buffer.from("x"))).toThrow("the gateway does not publish to");
  });
});

describe("the port", () => {
  test("says so when it is taken", async () => {
    const { broker } = await start();
    const second = startTestBroker(testSite, { port: broker.port });
    await expect(second).rejects.toThrow(ListenError);
    await expect(second).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: `port ${String(broker.port)} on 127.0.0.1 is taken by another program: stop it or choose another port`,
    });
  });

  test("closes only when commits under way have ended", async () => {
    const steps: string[] = [];
    const begun = new Events<Publication>();
    let commit: () => void = () => undefined;
    const { broker } = await startTestBroker(testSite, {
      onPublish(publication) {
        begun.add(publication);
        return new Promise((resolve) => {
          commit = () => {
            steps.push("committed");
            resolve();
          };
        });
      },
    });
    const client = await join(broker.port, laser, { clientId: "laser" });
    const gone = closeOf(client);
    client.publish(usage("laser"), "x", { qos: 1 });
    await begun.first(1);
    const ended = broker.close().then(() => steps.push("closed"));
    await gone;
    commit();
    await ended;
    expect(steps).toEqual(["committed", "closed"]);
  });

  test("uses a renewed certificate for new connections", async () => {
    const { broker } = await start();
    const first = await join(broker.port, laser, { clientId: "laser" });
    const other = await createTestSite(Date.now());
    broker.useTls({ ...other.server, ca: testSite.ca.certPem });
    await expect(join(broker.port, lathe, { clientId: "lathe" })).rejects.toThrow();
    broker.useTls({ ...testSite.server, ca: testSite.ca.certPem });
    await join(broker.port, lathe, { clientId: "lathe" });
    await first.publishAsync(usage("laser"), "still here", { qos: 1 });
  });
});
