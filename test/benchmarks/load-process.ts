import { connect, type TLSSocket } from "node:tls";
import {
  agentTopic,
  chainAfter,
  chainStart,
  encodeUsagePacket,
  encodeUsageRecord,
  fromHex,
  randomBytes,
  rowCommitment,
} from "@badgekey/shared";
import { generate } from "mqtt-packet";
import { percentile, rounded } from "./statistics.js";

/**
 * The load generator: a process of its own, so that what is measured does not pay for it. Speaks MQTT 3.1.1 by hand.
 */
export interface LoadAgent {
  readonly agent: string;
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
}

export type LoadOrder =
  | {
      readonly kind: "connect";
      readonly agents: readonly LoadAgent[];
      readonly site: string;
      readonly host: string;
      readonly port: number;
    }
  /**
   * `perSecond` spreads the load over time, for all agents together; without it each keeps `inFlight` packets on their
   * way.
   */
  | { readonly kind: "run"; readonly packetsEach: number; readonly inFlight: number; readonly perSecond?: number }
  | { readonly kind: "disconnect" };

export interface LoadAnswer {
  readonly kind: "connected" | "ran" | "disconnected";
  readonly acknowledged?: number;
  readonly seconds?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly bytesEach?: number;
}

class LoadClient {
  #socket: TLSSocket | undefined;
  #previous: Uint8Array;
  #sequence = 0;
  #sent = 0;
  #acknowledged = 0;
  #packets: Buffer[] = [];
  #sentAt: number[] = [];
  #done: (() => void) | undefined;
  #inFlight = 1;
  #rest = Buffer.alloc(0);
  readonly latencies: number[] = [];
  bytesEach = 0;

  constructor(
    readonly agent: LoadAgent,
    readonly site: Uint8Array,
  ) {
    this.#previous = chainStart(site, agent.agent);
  }

  async connect(host: string, port: number): Promise<void> {
    const { certificate, key, ca, agent } = this.agent;
    const socket = connect({
      host,
      port,
      cert: certificate,
      key,
      ca,
      minVersion: "TLSv1.3",
      checkServerIdentity: () => undefined,
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    await new Promise<void>((done, fail) => {
      socket.once("error", fail);
      socket.once("secureConnect", () => {
        socket.write(
          generate({
            cmd: "connect",
            clientId: agent,
            protocolId: "MQTT",
            protocolVersion: 4,
            clean: true,
            keepalive: 120,
          }),
        );
        this.#done = done;
      });
      socket.on("data", (chunk: Buffer) => this.#received(chunk));
      socket.on("close", () => fail(new Error(`${agent}: the broker closed the connection`)));
    });
  }

  /** Builds the packets before the clock runs: real rows, really chained. */
  prepare(count: number): void {
    const topic = agentTopic(this.site, this.agent.agent, "usage");
    this.#packets = [];
    for (let i = 0; i < count; i++) {
      const body = encodeUsageRecord({
        kind: "sessionEnded",
        at: Date.now(),
        clock: "synced",
        machine: this.agent.agent,
        upMs: 1_000_000 + this.#sequence,
        session: randomBytes(8),
        holder: "a1b2c3d4",
        issuer: Uint8Array.of(1, 2, 3, 4),
        statusIndex: 70_000,
        badge: randomBytes(8),
        grants: [{ training: 1, level: 2 }],
        assurance: 2,
        reason: "ended by a tap",
        durationMs: 1_800_000,
        decisionUs: 350,
      });
      const row = { boot: 1, sequence: ++this.#sequence, previous: this.#previous, salt: randomBytes(16), body };
      this.#previous = chainAfter(row, rowCommitment(row));
      const payload = Buffer.from(encodeUsagePacket([row]));
      this.bytesEach = payload.length;
      this.#packets.push(
        generate({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false, messageId: (i % 65_535) + 1 }),
      );
    }
    this.#sent = 0;
    this.#acknowledged = 0;
    this.#sentAt = new Array<number>(count).fill(0);
    this.latencies.length = 0;
  }

  run(inFlight: number): Promise<void> {
    this.#inFlight = inFlight;
    return new Promise((done) => {
      this.#done = done;
      while (this.#sent < this.#packets.length && this.#sent < inFlight) this.#send();
    });
  }

  /** One packet every `everyMs`, whatever is on its way. */
  runPaced(everyMs: number, offsetMs: number): Promise<void> {
    this.#inFlight = 0;
    return new Promise((done) => {
      this.#done = done;
      setTimeout(() => {
        const startedAt = performance.now();
        const timer = setInterval(
          () => {
            const due = Math.min(this.#packets.length, 1 + Math.floor((performance.now() - startedAt) / everyMs));
            while (this.#sent < due) this.#send();
            if (this.#sent === this.#packets.length) clearInterval(timer);
          },
          Math.min(everyMs, 10),
        );
      }, offsetMs);
    });
  }

  end(): void {
    this.#socket?.removeAllListeners("close");
    this.#socket?.destroy();
  }

  #send(): void {
    this.#sentAt[this.#sent] = performance.now();
    this.#socket?.write(this.#packets[this.#sent] as Buffer);
    this.#sent++;
  }

  /** CONNACK and PUBACK are four bytes each; nothing else comes, because nothing is subscribed. */
  #received(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (bytes.length >= 4) {
      const type = bytes[0] as number;
      if (type === 0x20 && bytes[3] !== 0) throw new Error(`${this.agent.agent}: CONNACK ${bytes[3]}`);
      if (type === 0x20) this.#done?.();
      if (type === 0x40) this.#acknowledge();
      bytes = bytes.subarray(4);
    }
    this.#rest = Buffer.from(bytes);
  }

  #acknowledge(): void {
    this.latencies.push(performance.now() - (this.#sentAt[this.#acknowledged] as number));
    this.#acknowledged++;
    if (this.#acknowledged === this.#packets.length) return this.#done?.();
    if (this.#inFlight > 0 && this.#sent < this.#packets.length) this.#send();
  }
}

let clients: LoadClient[] = [];

async function carryOut(order: LoadOrder): Promise<LoadAnswer> {
  switch (order.kind) {
    case "connect": {
      clients = order.agents.map((agent) => new LoadClient(agent, fromHex(order.site)));
      for (let i = 0; i < clients.length; i += 10)
        await Promise.all(clients.slice(i, i + 10).map((client) => client.connect(order.host, order.port)));
      return { kind: "connected" };
    }
    case "run": {
      for (const client of clients) client.prepare(order.packetsEach);
      const startedAt = performance.now();
      const { perSecond } = order;
      const everyMs = perSecond === undefined ? 0 : (1000 * clients.length) / perSecond;
      await Promise.all(
        clients.map((client, index) =>
          perSecond === undefined
            ? client.run(order.inFlight)
            : client.runPaced(everyMs, (index * everyMs) / clients.length),
        ),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      const latencies = clients.flatMap((client) => client.latencies);
      return {
        kind: "ran",
        acknowledged: latencies.length,
        seconds,
        p50Ms: rounded(percentile(latencies, 0.5)),
        p99Ms: rounded(percentile(latencies, 0.99)),
        bytesEach: clients[0]?.bytesEach ?? 0,
      };
    }
    case "disconnect":
      for (const client of clients) client.end();
      return { kind: "disconnected" };
  }
}

process.on("message", (order: LoadOrder) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
