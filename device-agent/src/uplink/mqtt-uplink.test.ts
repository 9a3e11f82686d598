import { createServer } from "node:net";
import { agentTopic, objectTopic, siteTopic } from "@badgekey/shared";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Uplink } from "../ports.js";
import { Events } from "../testing/events.js";
import { type LogLine, silentLog } from "../testing/silent-log.js";
import { type TestAuthority, testAuthority } from "../testing/test-certificates.js";
import { type TestBroker, type TestBrokerOptions, startTestBroker, startWire } from "./aedes-fixture.js";
import type { AgentTls } from "./broker-connection.js";
import { type MqttUplinkOptions, mqttUplink } from "./mqtt-uplink.js";

const site = new Uint8Array(32).fill(7);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

let authority: TestAuthority;
let tls: AgentTls;
beforeAll(async () => {
  authority = await testAuthority(Date.now());
  tls = await authority.agent("laser-1");
});

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aBroker(options?: TestBrokerOptions): Promise<TestBroker> {
  const broker = await startTestBroker(authority, options);
  cleanups.push(() => broker.close());
  return broker;
}

interface Watched {
  readonly uplink: Uplink;
  readonly seen: Events<readonly unknown[]>;
  readonly lines: Events<LogLine>;
}

function anUplink(port: number, options: Partial<MqttUplinkOptions> = {}): Watched {
  const seen = new Events<readonly unknown[]>();
  const lines = new Events<LogLine>();
  const uplink = mqttUplink({
    host: "127.0.0.1",
    port,
    tls,
    agent: "laser-1",
    site,
    random: () => 0.5,
    log: silentLog(lines),
    ...options,
    timing: { firstMs: 10, mostMs: 50, ...options.timing },
  });
  cleanups.push(() => uplink.close());
  uplink.start({
    onObject: (name, payload) => seen.add(["object", name, payload]),
    onMessage: (topic, payload) => seen.add(["message", topic, payload]),
    onConnected: () => seen.add(["connected"]),
    onDisconnected: (reason) => seen.add(["disconnected", reason]),
  });
  return { uplink, seen, lines };
}

describe("mqtt uplink", () => {
  test("brings retained objects and own messages, and carries publishes at QoS 1", async () => {
    const broker = await aBroker();
    await broker.publish(objectTopic(site, "status/0a1b2c3d"), bytes(1, 2), { retain: true });
    const { uplink, seen } = anUplink(broker.port);
    await seen.first(2);
    expect(seen.all).toEqual([["connected"], ["object", "status/0a1b2c3d", bytes(1, 2)]]);
    expect(uplink.connected).toBe(true);
    await uplink.publish("report", bytes(9));
    expect(broker.received.all).toEqual([{ topic: agentTopic(site, "laser-1", "report"), payload: bytes(9) }]);
    await broker.publish(agentTopic(site, "laser-1", "command"), bytes(3));
    await broker.publish(objectTopic(site, "heartbeat"), bytes(4));
    await seen.first(4);
    expect(seen.all.slice(2)).toEqual([
      ["message", "command", bytes(3)],
      ["object", "heartbeat", bytes(4)],
    ]);
    await uplink.close();
    expect(uplink.connected).toBe(false);
    await broker.presence.first(2);
    expect(broker.presence.all).toEqual(["+laser-1", "-laser-1"]);
  });

  test("a message on a topic that is not the agent's, or empty, is ignored", async () => {
    const broker = await aBroker();
    const { seen } = anUplink(broker.port);
    await seen.first(1);
    await broker.publish(objectTopic(site, "trust"), bytes());
    await broker.publish(`${siteTopic(site)}/site/`, bytes(1));
    await broker.publish(objectTopic(site, "policy"), bytes(5));
    await seen.until((all) => all.some(([, name]) => name === "policy"));
    expect(seen.all.map(([, name]) => name)).toEqual([undefined, "", "policy"]);
  });

  test("rejects publishes while not connected and keeps none for later", async () => {
    const broker = await aBroker();
    const wire = await startWire(broker.port);
    cleanups.push(() => wire.close());
    wire.set("unplugged");
    const { uplink, seen } = anUplink(wire.port);
    await expect(uplink.publish("usage", bytes(1))).rejects.toThrow("not connected to the gateway");
    wire.set("open");
    await seen.first(1);
    await uplink.publish("usage", bytes(2));
    expect(broker.received.all.map(({ payload }) => payload)).toEqual([bytes(2)]);
  });

  test("comes back after the gateway cut the line, and what was in flight is rejected", async () => {
    const broker = await aBroker();
    const { uplink, seen } = anUplink(broker.port);
    await seen.first(1);
    broker.acknowledging = false;
    const inFlight = uplink.publish("usage", bytes(1));
    await broker.received.first(1);
    broker.cut();
    await expect(inFlight).rejects.toThrow(/closed|reset/i);
    broker.acknowledging = true;
    await seen.until((all) => all.filter(([kind]) => kind === "connected").length === 2);
    expect(seen.all[1]?.[0]).toBe("disconnected");
    await uplink.publish("usage", bytes(2));
    expect(broker.received.all.map(({ payload }) => payload)).toEqual([bytes(1), bytes(2)]);
  });

  test("a publish without an answer ends the connection; a new one does not bring the packet again", async () => {
    const broker = await aBroker();
    const { uplink, seen } = anUplink(broker.port, { timing: { publishTimeoutMs: 100 } });
    await seen.first(1);
    broker.acknowledging = false;
    await expect(uplink.publish("usage", bytes(1))).rejects.toThrow("no acknowledgement within 100 ms");
    await seen.until((all) => all.filter(([kind]) => kind === "connected").length === 2);
    broker.acknowledging = true;
    await uplink.publish("usage", bytes(2));
    expect(broker.received.all.map(({ payload }) => payload)).toEqual([bytes(1), bytes(2)]);
  });

  test("a port that takes the connection and says nothing is given up and tried again", async () => {
    const attempts = new Events<string>();
    const mute = createServer((socket) => {
      attempts.add("attempt");
      cleanups.push(() => Promise.resolve(void socket.destroy()));
    });
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => mute.close(() => resolve())));
    const { lines } = anUplink((mute.address() as { port: number }).port, { timing: { connectTimeoutMs: 50 } });
    await attempts.first(3);
    expect(lines.all[0]?.text).toContain("no connection within 50 ms");
    // The same trouble is told once, then only to whoever debugs.
    expect(lines.all.filter(({ level }) => level === "warn")).toHaveLength(1);
  });

  test("a line that went mute after the connection shows at the next publish", async () => {
    const broker = await aBroker();
    const wire = await startWire(broker.port);
    cleanups.push(() => wire.close());
    const { uplink, seen } = anUplink(wire.port, { timing: { publishTimeoutMs: 100, connectTimeoutMs: 300 } });
    await seen.first(1);
    wire.set("silent");
    await expect(uplink.publish("report", bytes(1))).rejects.toThrow("no acknowledgement");
    wire.set("open");
    await seen.until((all) => all.filter(([kind]) => kind === "connected").length === 2);
  });

  test("a subscription that is refused counts as no connection", async () => {
    const broker = await aBroker({ grants: (filter) => !filter.endsWith("/command") });
    const { uplink, seen, lines } = anUplink(broker.port);
    await lines.first(1);
    expect(lines.all[0]?.text).toContain("refused a subscription");
    expect(seen.all).toEqual([]);
    expect(uplink.connected).toBe(false);
  });

  test("only a gateway under the site CA, with its enrolled name, is talked to", async () => {
    const stranger = await startTestBroker(await testAuthority(Date.now()));
    cleanups.push(() => stranger.close());
    const foreign = anUplink(stranger.port);
    await foreign.lines.first(1);
    expect(foreign.lines.all[0]?.text).toMatch(/CERT_SIGNATURE_FAILURE|UNABLE_TO|SELF_SIGNED/);
    expect(stranger.presence.all).toEqual([]);

    const named = await aBroker({ host: "gateway.example" });
    const wrongName = anUplink(named.port);
    await wrongName.lines.first(1);
    expect(wrongName.lines.all[0]?.text).toContain("ALTNAME");
    const rightName = anUplink(named.port, { serverName: "gateway.example" });
    await rightName.seen.first(1);
  });

  test("another agent's certificate does not stand for the gateway", async () => {
    const impostor = await authority.agent("saw-1");
    const broker = await startTestBroker({ ...authority, server: () => Promise.resolve(impostor) });
    cleanups.push(() => broker.close());
    const { lines } = anUplink(broker.port, { serverName: "saw-1" });
    await lines.first(1);
    expect(lines.all[0]?.text).toMatch(/purpose|ALTNAME/i);
  });

  test("an agent without a valid certificate is turned away without a crash, again and again", async () => {
    const broker = await aBroker();
    const other = await (await testAuthority(Date.now())).agent("laser-1");
    const { uplink, lines } = anUplink(broker.port, { tls: { ...other, ca: tls.ca } });
    await lines.first(3);
    expect(uplink.connected).toBe(false);
    const broken = anUplink(broker.port, { tls: { ...tls, key: "no key" } });
    await broken.lines.first(2);
    expect(broken.lines.all[0]?.text).toMatch(/PEM|no start line|DECODER/i);
  });

  test("a packet over the limit, or of QoS 2, ends the connection before it is collected", async () => {
    const broker = await aBroker();
    const { seen, lines } = anUplink(broker.port);
    await seen.first(1);
    await broker.publish(objectTopic(site, "policy"), new Uint8Array(300_000), { qos: 0 });
    await lines.until((all) => all.some(({ text }) => text.includes("more than 262400 bytes")));
    expect(seen.all.some(([, name]) => name === "policy")).toBe(false);
  });

  test("a defect in a handler is logged and the pipe goes on", async () => {
    const broker = await aBroker();
    const lines = new Events<LogLine>();
    const seen = new Events<string>();
    const uplink = mqttUplink({
      host: "127.0.0.1",
      port: broker.port,
      tls,
      agent: "laser-1",
      site,
      random: () => 0,
      log: silentLog(lines),
    });
    cleanups.push(() => uplink.close());
    uplink.start({
      onObject: (name) => {
        seen.add(name);
        if (name === "trust") throw new Error("a defect");
      },
      onMessage: () => undefined,
      onConnected: () => seen.add("connected"),
      onDisconnected: () => seen.add("disconnected"),
    });
    await seen.first(1);
    await broker.publish(objectTopic(site, "trust"), bytes(1));
    await broker.publish(objectTopic(site, "policy"), bytes(2));
    await seen.first(3);
    expect(seen.all).toEqual(["connected", "trust", "policy"]);
    expect(lines.all.some(({ level }) => level === "error")).toBe(true);
  });

  test("closing while the connection is being made leaves nothing behind", async () => {
    const broker = await aBroker();
    const { uplink, seen } = anUplink(broker.port);
    await uplink.close();
    await expect(uplink.publish("usage", bytes(1))).rejects.toThrow("not connected");
    expect(seen.all).toEqual([]);
  });
});
