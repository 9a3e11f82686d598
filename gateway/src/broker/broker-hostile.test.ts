import { agentTopic, objectTopic, siteTopic } from "@badgekey/shared";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectToTls } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  connectPacket,
  connectTls,
  createTestSite,
  Events,
  type Identity,
  packet,
  publishPacket,
  RawConnection,
  site,
  startTestBroker,
  subscribePacket,
  type TestBroker,
  type TestSite,
} from "./broker-fixture.js";
import type { BrokerLimits } from "./limits.js";

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

async function start(limits: Partial<BrokerLimits> = {}): Promise<TestBroker> {
  const started = await startTestBroker(testSite, { limits });
  closing.push(() => started.broker.close());
  return started;
}

async function open(broker: TestBroker["broker"], identity = laser): Promise<RawConnection> {
  const connection = await connectTls(testSite, identity, broker.port);
  closing.push(() => Promise.resolve(connection.socket.destroy()));
  return connection;
}

/** A connection of `identity` that has its CONNACK. */
async function admitted(broker: TestBroker["broker"], identity: Identity, clientId: string): Promise<RawConnection> {
  const connection = await open(broker, identity);
  connection.send(connectPacket(clientId));
  expect(await connection.take(4)).toEqual(Buffer.of(0x20, 2, 0, 0));
  return connection;
}

/** The broker is alive: an agent gets in and has a publish committed. */
async function expectServing({ broker, published }: TestBroker): Promise<void> {
  const before = published.all.length;
  const socket = await admitted(broker, lathe, "lathe");
  socket.send(publishPacket(agentTopic(site, "lathe", "usage"), 9, 20));
  expect(await socket.take(4)).toEqual(Buffer.of(0x40, 2, 0, 9));
  expect(published.all).toHaveLength(before + 1);
}

const usage = agentTopic(site, "laser", "usage");
/** Bytes of a publish to `usage` beside its payload: fixed header, topic, message id. */
const publishOverhead = publishPacket(usage, 1, 60_000).length - 60_000;

describe("without a certificate of the site", () => {
  test.each([
    ["no certificate", () => Promise.resolve({})],
    ["a certificate of another CA", async () => (await createTestSite(Date.now())).identity("laser")],
    ["the gateway's own certificate", () => Promise.resolve(testSite.server)],
  ])("nobody gets in: %s", async (_title, identity) => {
    const test = await start();
    const { broker, presence } = test;
    const options = { ...(await identity()), ca: testSite.ca.certPem, host: "127.0.0.1", port: broker.port };
    const connection = new RawConnection(connectToTls(options));
    connection.send(connectPacket("laser"));
    await connection.closed();
    expect(presence.all).toEqual([]);
    await expectServing(test);
  });

  test("TLS 1.2 is not spoken", async () => {
    const test = await start();
    const options = { ...laser, ca: testSite.ca.certPem, host: "127.0.0.1", port: test.broker.port };
    const socket = connectToTls({ ...options, maxVersion: "TLSv1.2" });
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    await expectServing(test);
  });

  test("no TLS session is resumed: every connection has its certificate verified", async () => {
    const { broker } = await start();
    const options = { ...laser, ca: testSite.ca.certPem, host: "127.0.0.1", port: broker.port };
    const first = new RawConnection(connectToTls(options));
    const sessions: Buffer[] = [];
    first.socket.on("session", (session: Buffer) => sessions.push(session));
    first.send(connectPacket("laser"));
    expect(await first.take(4)).toEqual(Buffer.of(0x20, 2, 0, 0));
    first.socket.destroy();
    const session = sessions.at(-1);
    const again = connectToTls({ ...options, ...(session && { session }) });
    await once(again, "secureConnect");
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  });

  test.each([
    ["MQTT in the clear", connectPacket("laser")],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")],
    ["noise", Buffer.alloc(2_000, 0xa5)],
    ["a TLS record that ends early", Buffer.of(0x16, 3, 1, 0x40, 0, 1)],
  ])("a plain connection with %s ends, the broker stays", async (_title, sent) => {
    const test = await start({ handshakeTimeoutMs: 100 });
    const socket = connectTcp(test.broker.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(sent);
    await new Promise((resolve) => socket.once("close", resolve));
    await expectServing(test);
  });

  test("a handshake that stalls is given up, and its place is free again", async () => {
    const test = await start({ handshakeTimeoutMs: 50, maxConnections: 1 });
    const socket = connectTcp(test.broker.port, "127.0.0.1");
    await once(socket, "connect");
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    await expectServing(test);
  });
});

describe("with a certificate but before CONNECT", () => {
  test("a connection that says nothing, or only half of it, is given up", async () => {
    const test = await start({ connectTimeoutMs: 50 });
    const silent = await open(test.broker);
    const half = await open(test.broker);
    half.send(connectPacket("laser").subarray(0, 10));
    await Promise.all([silent.closed(), half.closed()]);
    await expectServing(test);
  });

  test("packets are bounded by 4 KiB, known by their header alone", async () => {
    const test = await start();
    const socket = await open(test.broker);
    socket.send(connectPacket("laser", 5_000).subarray(0, 3));
    await socket.closed();
    expect(test.broker.counts().oversize).toBe(1);
    const long = await open(test.broker);
    long.send(connectPacket("laser", 3_000));
    expect(await long.take(4)).toEqual(Buffer.of(0x20, 2, 0, 0));
    await expectServing(test);
  });

  test.each([
    ["a publish", publishPacket(usage, 1, 10)],
    ["a subscription", subscribePacket("#", 1)],
    ["a reserved type", Buffer.of(0xf0, 0)],
    ["an endless length", Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ["two CONNECTs", Buffer.concat([connectPacket("laser"), connectPacket("laser")])],
    ["a wrong protocol name", packet(0x10, Buffer.from("\0\x04HTTP\x04\x02\0\x3c\0\0"))],
  ])("%s ends the connection", async (_title, sent) => {
    const test = await start();
    const socket = await open(test.broker);
    socket.send(sent);
    await socket.closed();
    expect(test.published.all).toEqual([]);
    await expectServing(test);
  });

  test("MQTT 5 is answered with an unacceptable protocol version", async () => {
    const test = await start();
    const socket = await open(test.broker);
    socket.send(packet(0x10, Buffer.from("\0\x04MQTT\x05\x02\0\x3c\0\0\x05laser", "latin1")));
    expect(await socket.take(4)).toEqual(Buffer.of(0x20, 2, 0, 1));
    await socket.closed();
  });
});

describe("once admitted", () => {
  test("a packet of 64 KiB passes, one byte more ends the connection", async () => {
    const test = await start();
    const socket = await admitted(test.broker, laser, "laser");
    const fits = 65_536 - publishOverhead;
    socket.send(publishPacket(usage, 1, fits));
    expect(await socket.take(4)).toEqual(Buffer.of(0x40, 2, 0, 1));
    expect((await test.published.first(1))[0]?.payload).toHaveLength(fits);
    socket.send(publishPacket(usage, 2, fits + 1));
    await socket.closed();
    expect(test.published.all).toHaveLength(1);
    expect(test.broker.counts().oversize).toBe(1);
    expect((await test.presence.first(2))[1]).toBe("-laser");
    await expectServing(test);
  });

  test.each([
    ["noise", Buffer.alloc(100, 0xa5)],
    ["a topic with a wildcard", publishPacket("badgekey/#", 1, 1)],
    ["an empty topic", publishPacket("", 1, 1)],
    ["a topic of 200 levels", publishPacket("/".repeat(200), 1, 1)],
    ["a filter of 200 levels", subscribePacket("/".repeat(200), 1)],
    ["a second CONNECT", connectPacket("laser")],
    ["a CONNACK", Buffer.of(0x20, 2, 0, 0)],
  ])("%s ends the connection, the broker stays", async (_title, sent) => {
    const test = await start();
    const socket = await admitted(test.broker, laser, "laser");
    socket.send(sent);
    await socket.closed();
    await test.presence.first(2);
    expect(test.broker.connected()).toEqual([]);
    await expectServing(test);
  });

  test("a subscriber that stops reading is dropped and holds up nobody", async () => {
    const test = await start({ drainTimeoutMs: 1_000 });
    const { broker, presence } = test;
    const [stalled, reading] = [await admitted(broker, laser, "laser"), await admitted(broker, lathe, "lathe")];
    for (const socket of [stalled, reading]) {
      socket.send(subscribePacket(`${siteTopic(site)}/site/#`, 1));
      expect(await socket.take(5)).toEqual(Buffer.of(0x90, 3, 0, 1, 1));
    }
    stalled.socket.pause();
    const blob = Buffer.alloc(60_000);
    const sent: Promise<void>[] = [];
    // In step with the one that reads. In all it is more than the sockets of both ends buffer: the rest waits in the
    // broker for the one that does not.
    for (let round = 0; round < 300; round += 1) {
      sent.push(broker.publish(objectTopic(site, "trust"), blob));
      const { length } = await reading.take(publishPacket(objectTopic(site, "trust"), 1, blob.length).length);
      expect(length).toBeGreaterThan(blob.length);
    }
    await presence.first(3);
    expect(presence.all).toEqual(["+laser", "+lathe", "-laser"]);
    await Promise.all(sent);
  });

  test("a publisher that does not read its PUBACKs is read no further", async () => {
    const begun = new Events<number>();
    let commit: () => void = () => undefined;
    const committed = new Promise<void>((resolve) => (commit = resolve));
    const { broker } = await startTestBroker(testSite, {
      limits: { maxInFlightBytes: 10_000 },
      onPublish: () => {
        begun.add(1);
        return committed;
      },
    });
    closing.push(() => broker.close());
    const socket = await admitted(broker, laser, "laser");
    for (let id = 1; id <= 500; id += 1) socket.send(publishPacket(usage, id, 10_000));
    await begun.first(1);
    // What one read brings is taken together, at most 64 KiB and the rest of a packet; the other 5 MB stay outside.
    const other = await admitted(broker, lathe, "lathe");
    other.send(publishPacket(agentTopic(site, "lathe", "usage"), 1, 10));
    await begun.first(2);
    expect(begun.all.length).toBeLessThan(30);
    socket.socket.destroy();
    commit();
  });
});

describe("too many connections", () => {
  test("are refused in all and from one address, before any handshake", async () => {
    for (const limits of [{ maxConnections: 2 }, { maxConnectionsPerAddress: 2 }]) {
      const { broker, log, presence } = await start(limits);
      await admitted(broker, laser, "laser");
      const second = await admitted(broker, lathe, "lathe");
      const third = connectTcp(broker.port, "127.0.0.1");
      third.on("error", () => undefined);
      await new Promise((resolve) => third.resume().once("close", resolve));
      expect(log.all.some(({ text }) => text.includes("too many"))).toBe(true);
      second.socket.destroy();
      await presence.first(3);
      await admitted(broker, lathe, "lathe");
    }
  });
});
