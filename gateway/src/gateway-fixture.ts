import "reflect-metadata";
import {
  type Acknowledgement,
  type EnrolView,
  type Invite,
  type Report,
  type Signer,
  type UsageRecord,
  type UsageRow,
  TrustClient,
  agentTopic,
  chainAfter,
  chainStart,
  decodeInvite,
  encodeTimeQuery,
  encodeUsagePacket,
  encodeUsageRecord,
  fromHex,
  openAcknowledgement,
  parseTopic,
  randomBytes,
  rowCommitment,
  signReport,
  signerOf,
  siteOf,
  siteTopic,
  toHex,
} from "@badgekey/shared";
import { Name, Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { type MqttClient, connectAsync } from "mqtt";
import { createPrivateKey, webcrypto } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type GatewayConfig, checkConfig } from "./config.js";
import { type Gateway, type GatewayAddresses, buildGateway } from "./gateway.js";

export interface TestGateway {
  readonly gateway: Gateway;
  readonly addresses: GatewayAddresses;
  readonly dataDir: string;
  /** Calls the API as the operator; resolves with status and body. */
  call<T>(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: T }>;
  /** Ends the gateway and starts it again over the same data. */
  restart(): Promise<TestGateway>;
  stop(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly dataDir?: string;
  /** Listens with HTTPS too, as localhost. */
  readonly https?: boolean;
}

/** A real gateway in this process on ports of the system's choice, its data in a directory that goes with it. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { dataDir = mkdtempSync(join(tmpdir(), "badgekey-gateway-")), https = false } = options;
  const config: GatewayConfig = checkConfig({
    dataDir,
    siteName: "Test site",
    timeZone: "America/New_York",
    http: { port: 0 },
    ...(https && { https: { host: "127.0.0.1", port: 0, names: ["localhost"] } }),
    broker: { host: "127.0.0.1", port: 0, advertise: { host: "127.0.0.1", port: 0 } },
  });
  // Real time: TLS checks certificates against the computer's clock.
  const gateway = buildGateway(config, {
    clock: () => Date.now(),
    nowMs: () => performance.now(),
    log: pino({ level: "silent" }),
    version: "0.0.0-test",
    onFatal: (error) => {
      throw error;
    },
  });
  const addresses = await gateway.start();
  const token = readFileSync(join(dataDir, "admin-token"), "utf8").trim();
  return {
    gateway,
    addresses,
    dataDir,
    async call<T>(method: string, path: string, body?: unknown) {
      const response = await fetch(`${addresses.http}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as T };
    },
    async restart() {
      await gateway.stop();
      return startTestGateway({ ...options, dataDir });
    },
    async stop() {
      await gateway.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** What an agent keeps from its enrolment. */
export interface Enrolment {
  readonly agent: string;
  readonly invite: Invite;
  readonly key: string;
  readonly view: EnrolView;
  readonly signer: Signer;
}

/** A P-256 key and the request for its certificate, both PEM. */
export async function makeRequest(agent: string): Promise<{ readonly key: string; readonly request: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const name = new Name([{ CN: [{ utf8String: agent }] }]);
  const request = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" });
  return { key: key.toString(), request: request.toString("pem") };
}

/** Invites and enrols an agent, the way its own program does. */
export async function enrolTestAgent(gateway: TestGateway, agent: string): Promise<Enrolment> {
  const { body } = await gateway.call<{ line: string }>("POST", "/agents/invite", { agent });
  const invite = decodeInvite(body.line);
  if (!invite.ok) throw new Error(invite.detail);
  const { key, request } = await makeRequest(agent);
  const signer = signerOf(randomBytes(32));
  const enrolled = await gateway.call<EnrolView>("POST", "/enrol", {
    agent,
    secret: toHex(invite.value.secret),
    certificateRequest: request,
    agentKey: toHex(signer.publicKey),
  });
  if (enrolled.status !== 200) throw new Error(JSON.stringify(enrolled.body));
  return { agent, invite: invite.value, key, view: enrolled.body, signer };
}

/** An agent of flesh: real MQTT over TLS with its certificate, the real trust client, a chained journal in memory. */
export class TestAgent {
  readonly trust: TrustClient;
  readonly acknowledgements: Acknowledgement[] = [];
  readonly commands: Uint8Array[] = [];
  /** Every payload that came, of whatever kind. */
  readonly received: Uint8Array[] = [];
  readonly #waiting = new Set<() => void>();
  #chain: Uint8Array;
  #sequence = 0;
  #reports = 0;

  private constructor(
    readonly enrolment: Enrolment,
    readonly client: MqttClient,
    readonly site: Uint8Array,
    readonly boot: number,
    chain: Uint8Array | undefined,
  ) {
    this.#chain = chain ?? chainStart(site, enrolment.agent);
    const firstRoot = fromHex(enrolment.view.roots[0] ?? "");
    const expected = { site, agent: enrolment.agent, monotonicMs: performance.now() };
    const started = TrustClient.start(firstRoot, expected);
    if (!started.ok) throw new Error(started.code);
    this.trust = started.value;
  }

  static async connect(enrolment: Enrolment, boot = 1, chain?: Uint8Array): Promise<TestAgent> {
    const { agent, key, view } = enrolment;
    const client = await connectAsync(`mqtts://127.0.0.1:${view.broker.port}`, {
      clientId: agent,
      key,
      cert: view.certificate,
      ca: view.ca,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    const site = siteOf(fromHex(view.roots[0] ?? ""));
    const one = new TestAgent(enrolment, client, site, boot, chain);
    client.on("message", (topic, payload) => one.#receive(topic, Uint8Array.from(payload)));
    const own = (["time-answer", "command", "acknowledgement"] as const).map((name) => agentTopic(site, agent, name));
    await client.subscribeAsync([`${siteTopic(site)}/site/#`, ...own], { qos: 1 });
    return one;
  }

  get chain(): Uint8Array {
    return this.#chain;
  }

  /** Resolves once `holds` says so; asked again whenever something arrives. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Asks for the time and resolves when an answer was accepted. */
  async synchronise(): Promise<void> {
    const nonce = randomBytes(16);
    this.trust.askTime(nonce, performance.now());
    const topic = agentTopic(this.site, this.enrolment.agent, "time-query");
    await this.client.publishAsync(topic, Buffer.from(encodeTimeQuery(nonce)), { qos: 1 });
    await this.until(() => this.trust.clock.state === "synced");
  }

  /** The next row of the journal, not sent. */
  nextRow(record: Partial<UsageRecord> = {}): UsageRow {
    this.#sequence += 1;
    const body = encodeUsageRecord({
      kind: "sessionEnded",
      at: Date.now(),
      clock: "synced",
      machine: this.enrolment.agent,
      upMs: 1,
      ...record,
    });
    const row = { boot: this.boot, sequence: this.#sequence, previous: this.#chain, salt: randomBytes(16), body };
    this.#chain = chainAfter(row, rowCommitment(row));
    return row;
  }

  /** Sends rows in one packet; resolves with the PUBACK. */
  async send(...rows: readonly UsageRow[]): Promise<void> {
    await this.sendBytes(encodeUsagePacket(rows));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    const topic = agentTopic(this.site, this.enrolment.agent, "usage");
    await this.client.publishAsync(topic, Buffer.from(bytes), { qos: 1 });
  }

  async report(change: Partial<Report> = {}): Promise<void> {
    this.#reports += 1;
    const report: Report = {
      number: this.#reports,
      at: Date.now(),
      clock: this.trust.clock.state,
      applied: this.trust.state.applied,
      heartbeatVersion: this.trust.state.heartbeat?.version ?? 0,
      journal: { boot: this.boot, sequence: this.#sequence, chain: this.#chain, pending: 0 },
      faults: [],
      state: "idle",
      software: "test",
      upMs: 1,
      lastCommand: 0,
      ...change,
    };
    // An agent reports what is announced; its heartbeat stands in a field of its own.
    const applied = new Map([...report.applied].filter(([name]) => name !== "heartbeat"));
    const bytes = signReport({ ...report, applied }, this.site, this.enrolment.agent, this.enrolment.signer);
    const topic = agentTopic(this.site, this.enrolment.agent, "report");
    await this.client.publishAsync(topic, Buffer.from(bytes), { qos: 1 });
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }

  #receive(topic: string, payload: Uint8Array): void {
    this.received.push(payload);
    const parsed = parseTopic(this.site, topic);
    if (parsed?.kind === "object") this.trust.offer(parsed.name, payload, performance.now());
    else if (parsed?.name === "time-answer") this.trust.answerTime(payload, performance.now());
    else if (parsed?.name === "command") this.commands.push(payload);
    else if (parsed?.name === "acknowledgement") {
      const opened = openAcknowledgement(payload, this.trust.state.root, this.site, this.enrolment.agent);
      if (!opened.ok) throw new Error(opened.code);
      this.acknowledgements.push(opened.value);
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
