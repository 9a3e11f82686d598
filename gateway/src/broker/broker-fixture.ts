import "reflect-metadata";
import { Name, Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { createPrivateKey, webcrypto } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { createSiteCa, issueServerCertificate, signAgentRequest, type SiteCa } from "../enrolment/site-ca.js";
import { type Broker, type BrokerOptions, type Publication, type QuarantinedPublish, startBroker } from "./broker.js";

export const site = new Uint8Array(32).fill(7);

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** A site's certificates for tests, made once per file. */
export interface TestSite {
  readonly ca: SiteCa;
  readonly server: Identity;
  identity(commonName: string): Promise<Identity>;
}

/** `now` is real time: TLS checks certificates against the computer's clock. */
export async function createTestSite(now: number): Promise<TestSite> {
  const ca = await createSiteCa({ name: "test site", now });
  const server = await issueServerCertificate(ca, { hosts: ["127.0.0.1"], now, days: 1 });
  return {
    ca,
    server: { key: server.keyPem, cert: server.certPem },
    async identity(agent) {
      const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const name = new Name([{ CN: [{ utf8String: agent }] }]);
      const request = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
      const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
      const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
      const { certPem } = await signAgentRequest(ca, request.toString("pem"), { agent, now, days: 1 });
      return { key: key.export({ type: "pkcs8", format: "pem" }) as string, cert: certPem };
    },
  };
}

/** Keeps what happened and lets a test wait for it. */
export class Events<T> {
  readonly all: T[] = [];
  readonly #waiting: (() => void)[] = [];

  add(event: T): void {
    this.all.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves with the first `count` events once there are so many. */
  async first(count: number): Promise<readonly T[]> {
    while (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.all.slice(0, count);
  }
}

export interface TestBroker {
  readonly broker: Broker;
  readonly published: Events<Publication>;
  readonly quarantined: Events<QuarantinedPublish>;
  /** "+laser" and "-laser" as agents come and go. */
  readonly presence: Events<string>;
  readonly log: Events<{ readonly level: string; readonly text: string }>;
}

/** A real broker on a free port of this computer that records what it is told. */
export async function startTestBroker(testSite: TestSite, options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const published = new Events<Publication>();
  const quarantined = new Events<QuarantinedPublish>();
  const presence = new Events<string>();
  const log = new Events<{ level: string; text: string }>();
  const write = (level: string) => (details: unknown, text?: string) => {
    log.add({ level, text: `${text ?? ""} ${JSON.stringify(details)}` });
  };
  const broker = await startBroker({
    site,
    tls: { ...testSite.server, ca: testSite.ca.certPem },
    host: "127.0.0.1",
    port: 0,
    onPublish(publication) {
      published.add({ ...publication, payload: Uint8Array.from(publication.payload) });
      return Promise.resolve();
    },
    onQuarantine: (publish) => {
      quarantined.add(publish);
    },
    onConnect: ({ agent }) => {
      presence.add(`+${agent}`);
    },
    onDisconnect: (agent) => {
      presence.add(`-${agent}`);
    },
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    ...options,
  });
  return { broker, published, quarantined, presence, log };
}

/** A TLS connection that speaks bytes instead of MQTT. */
export class RawConnection {
  readonly #received = new Events<Buffer>();
  #buffer = Buffer.alloc(0);
  #chunks = 0;

  constructor(readonly socket: TLSSocket) {
    // The broker hangs up on purpose in these tests; a reset is one way to see it.
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      this.#received.add(chunk);
    });
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) {
      const chunks = await this.#received.first(this.#chunks + 1);
      this.#buffer = Buffer.concat([this.#buffer, chunks[this.#chunks] as Buffer]);
      this.#chunks += 1;
    }
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  /** Resolves when the other side has ended the connection. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once("close", resolve));
  }
}

export async function connectTls(testSite: TestSite, identity: Identity, port: number): Promise<RawConnection> {
  const socket = connect({ ...identity, ca: testSite.ca.certPem, host: "127.0.0.1", port, minVersion: "TLSv1.3" });
  const connection = new RawConnection(socket);
  await once(socket, "secureConnect");
  return connection;
}

/** An MQTT packet: first header byte, then the body. */
export function packet(head: number, body: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Uint8Array.of(head, ...length), body]);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** CONNECT of MQTT 3.1.1, clean session, keep-alive 60 s; `filler` bytes as user name. */
export function connectPacket(clientId: string, filler = 0): Uint8Array {
  const flags = filler > 0 ? 0x82 : 0x02;
  const parts = [text("MQTT"), Uint8Array.of(4, flags, 0, 60), text(clientId)];
  if (filler > 0) parts.push(text("x".repeat(filler)));
  return packet(0x10, Buffer.concat(parts));
}

/** PUBLISH at QoS 1 with a payload of so many bytes. */
export function publishPacket(topic: string, messageId: number, bytes: number): Uint8Array {
  return packet(
    0x32,
    Buffer.concat([text(topic), Uint8Array.of(messageId >> 8, messageId & 0xff), Buffer.alloc(bytes)]),
  );
}

/** SUBSCRIBE to one filter at QoS 1. */
export function subscribePacket(filter: string, messageId: number): Uint8Array {
  const body = [Uint8Array.of(messageId >> 8, messageId & 0xff), text(filter), Uint8Array.of(1)];
  return packet(0x82, Buffer.concat(body));
}
