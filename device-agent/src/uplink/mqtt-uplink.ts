import {
  type AgentTopic,
  type GatewayTopic,
  agentTopic,
  gatewayTopics,
  objectTypes,
  parseTopic,
  siteTopic,
} from "@badgekey/shared";
import type { MqttClient } from "mqtt";
import type { BaseLogger } from "pino";
import type { Uplink, UplinkHandlers } from "../ports.js";
import { type BackOff, fullJitter } from "./back-off.js";
import { type AgentTls, BrokerConnection, type ConnectionOptions } from "./broker-connection.js";

export interface MqttUplinkOptions {
  readonly host: string;
  readonly port: number;
  /** The name in the gateway's certificate, where `host` is only a way to it; `host` unless given. */
  readonly serverName?: string;
  readonly tls: AgentTls;
  readonly agent: string;
  /** SHA-256 of root version 1: 32 bytes. */
  readonly site: Uint8Array;
  /** In [0, 1): spreads retries. */
  readonly random: () => number;
  readonly log: Pick<BaseLogger, "debug" | "info" | "warn" | "error">;
  readonly timing?: Partial<UplinkTiming>;
}

/** All in ms. */
export interface UplinkTiming extends BackOff {
  readonly connectTimeoutMs: number;
  readonly publishTimeoutMs: number;
  /** A connection that lived so long was good: the back-off starts from its beginning again. */
  readonly goodAfterMs: number;
}

export const defaultUplinkTiming: UplinkTiming = {
  firstMs: 1_000,
  mostMs: 20_000,
  connectTimeoutMs: 15_000,
  publishTimeoutMs: 15_000,
  goodAfterMs: 30_000,
};

const TOPIC_BYTES = 256;
const largestObject = Math.max(...Object.values(objectTypes).map(({ maxBytes }) => maxBytes));

/**
 * The uplink on MQTT.js as a dumb pipe (SPEC 7): MQTT 3.1.1 over TLS 1.3, the gateway verified against the site CA
 * alone, clean sessions, no queue of its own. It connects again for ever, with full jitter. Nothing that the network
 * does is thrown at the agent: it is a rejected publish or `onDisconnected`.
 */
export function mqttUplink(options: MqttUplinkOptions): Uplink {
  return new MqttUplink(options);
}

class MqttUplink implements Uplink {
  readonly #options: MqttUplinkOptions;
  readonly #timing: UplinkTiming;
  #handlers: UplinkHandlers | undefined;
  #connection: BrokerConnection | undefined;
  #connected = false;
  #failures = 0;
  #lastReason: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #goodTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: MqttUplinkOptions) {
    this.#options = options;
    this.#timing = { ...defaultUplinkTiming, ...options.timing };
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(handlers: UplinkHandlers): void {
    if (this.#handlers) throw new Error("the uplink was started before");
    this.#handlers = handlers;
    void this.#connect();
  }

  publish(topic: AgentTopic, payload: Uint8Array): Promise<void> {
    const { site, agent } = this.#options;
    if (!this.#connection || !this.#connected) return Promise.reject(new Error("not connected to the gateway"));
    return this.#connection.publish(agentTopic(site, agent, topic), payload);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#goodTimer);
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    try {
      const Client = await loadMqttClient();
      if (this.#closed) return;
      const connection = new BrokerConnection(Client, this.#connectionOptions(), {
        onReady: () => this.#onReady(),
        onMessage: (topic, payload) => this.#deliver(topic, payload),
        onEnded: (reason) => this.#onEnded(reason),
      });
      this.#connection = connection;
    } catch (error) {
      // Key material that OpenSSL refuses; enrolment may replace it, so this too is tried again.
      this.#onEnded(error instanceof Error ? error.message : String(error));
    }
  }

  #connectionOptions(): ConnectionOptions {
    const { host, port, serverName = host, tls, agent, site } = this.#options;
    const { connectTimeoutMs, publishTimeoutMs } = this.#timing;
    const own = gatewayTopics.map((name) => agentTopic(site, agent, name));
    return {
      host,
      port,
      serverName,
      tls,
      clientId: agent,
      subscriptions: [`${siteTopic(site)}/site/#`, ...own],
      connectTimeoutMs,
      publishTimeoutMs,
      maxIncomingBytes: largestObject + TOPIC_BYTES,
    };
  }

  #onReady(): void {
    const { log, host, port } = this.#options;
    this.#connected = true;
    this.#lastReason = undefined;
    this.#goodTimer = setTimeout(() => (this.#failures = 0), this.#timing.goodAfterMs);
    log.info({ host, port }, "connected to the gateway");
    this.#tell("onConnected", (handlers) => handlers.onConnected());
  }

  #onEnded(reason: string): void {
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#connection = undefined;
    clearTimeout(this.#goodTimer);
    if (wasConnected) this.#tell("onDisconnected", (handlers) => handlers.onDisconnected(reason));
    if (this.#closed) return;
    const delayMs = fullJitter(this.#timing, this.#failures, this.#options.random());
    this.#failures += 1;
    this.#logTrouble(reason, delayMs);
    this.#retryTimer = setTimeout(() => void this.#connect(), delayMs);
  }

  /** A gateway that is away for weeks must not fill the log: the same trouble is told once. */
  #logTrouble(reason: string, delayMs: number): void {
    const { log, host, port } = this.#options;
    const level = reason === this.#lastReason ? "debug" : "warn";
    this.#lastReason = reason;
    log[level]({ host, port, reason, delayMs }, "no connection to the gateway: trying again");
  }

  #deliver(topic: string, payload: Uint8Array): void {
    const { site, agent, log } = this.#options;
    const parsed = parseTopic(site, topic);
    if (parsed?.kind === "object") {
      // Empty: the gateway took a retained object back. What is in force stays until a signed object says otherwise.
      if (payload.length > 0) this.#tell(parsed.name, (handlers) => handlers.onObject(parsed.name, payload));
      return;
    }
    const name = gatewayTopics.find((gatewayTopic) => gatewayTopic === parsed?.name);
    if (parsed?.agent === agent && name !== undefined) {
      this.#tell(name, (handlers) => handlers.onMessage(name satisfies GatewayTopic, payload));
      return;
    }
    log.debug({ topic: topic.slice(0, TOPIC_BYTES) }, "ignored a message on a topic that is not this agent's");
  }

  /** A defect met while handling what the network sent must not end the process, and with it a session: R10. */
  #tell(what: string, call: (handlers: UplinkHandlers) => void): void {
    if (!this.#handlers) return;
    try {
      call(this.#handlers);
    } catch (error) {
      this.#options.log.error({ err: error, what }, "a defect was met while handling what the gateway sent");
    }
  }
}

/**
 * Loads MQTT.js, which reads many files synchronously: done by whoever starts the process while it waits anyway, else
 * with the first connection.
 */
export async function loadMqttClient(): Promise<typeof MqttClient> {
  return (await import("mqtt")).MqttClient;
}
