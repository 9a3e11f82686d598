import { isIP } from "node:net";
import { checkServerIdentity, connect, type TLSSocket } from "node:tls";
import type { IClientOptions, MqttClient } from "mqtt";
import { IncomingLimit } from "./incoming-limit.js";

/** The agent's TLS identity and the site CA, all PEM. */
export interface AgentTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** The name that the gateway's certificate must carry: the enrolled host, also where `host` is another way to it. */
  readonly serverName: string;
  readonly tls: AgentTls;
  readonly clientId: string;
  /** Filters, each subscribed at QoS 1 before the connection counts as ready. */
  readonly subscriptions: readonly string[];
  /** From the first packet to the granted subscriptions, ms. */
  readonly connectTimeoutMs: number;
  /** From a publish to its acknowledgement, ms. */
  readonly publishTimeoutMs: number;
  /** Bound of an incoming packet. */
  readonly maxIncomingBytes: number;
}

export interface ConnectionEvents {
  /** Connected and subscribed. */
  onReady(): void;
  onMessage(topic: string, payload: Uint8Array): void;
  /** Comes once, also when `end` was called; nothing comes after it. */
  onEnded(reason: string): void;
}

const KEEPALIVE_SECONDS = 20;
const FAREWELL_MS = 500;

/**
 * One connection to the broker, from TCP to its end, on a client of MQTT.js that is thrown away with it: its queue and
 * store never carry a packet into the next connection, where an unacceptable one would be sent again for ever.
 * Everything that can hang has a time-out of our own: with TLS 1.3 a refused certificate may show as silence only.
 */
export class BrokerConnection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: TLSSocket;
  readonly #client: MqttClient;
  readonly #unanswered = new Set<(reason: Error) => void>();
  readonly #connectTimer: NodeJS.Timeout;
  #state: "connecting" | "ready" | "ended" = "connecting";

  /** Throws where the TLS material cannot be used at all. */
  constructor(Client: typeof MqttClient, options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#socket = this.#openSocket();
    this.#client = new Client(() => this.#socket, clientOptions(options));
    this.#client.on("error", (error) => this.#end(describe(error)));
    this.#client.on("close", () => this.#end("the connection was closed"));
    this.#client.on("connect", () => this.#subscribe());
    this.#client.on("message", (topic, payload) => {
      if (this.#state !== "ended") this.#events.onMessage(topic, new Uint8Array(payload));
    });
    this.#connectTimer = setTimeout(
      () => this.#end(`no connection within ${String(options.connectTimeoutMs)} ms`),
      options.connectTimeoutMs,
    );
  }

  /**
   * Resolves with the broker's acknowledgement; rejects when the connection ends first, which a missing answer brings
   * about.
   */
  publish(topic: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state !== "ready") {
        reject(new Error("not connected to the gateway"));
        return;
      }
      const fail = (reason: Error): void => {
        settle();
        reject(reason);
      };
      const settle = (): void => {
        clearTimeout(timer);
        this.#unanswered.delete(fail);
      };
      const timer = setTimeout(
        () => this.#end(`no acknowledgement within ${String(this.#options.publishTimeoutMs)} ms`),
        this.#options.publishTimeoutMs,
      );
      this.#unanswered.add(fail);
      this.#client.publish(topic, Buffer.from(payload), { qos: 1 }, (error) => {
        if (!this.#unanswered.has(fail)) return;
        if (error) {
          fail(error);
          return;
        }
        settle();
        resolve();
      });
    });
  }

  /** Says goodbye and ends; resolves when the socket is closed, after half a second at the latest. */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    const closed = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FAREWELL_MS);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    if (this.#state === "ready") {
      this.#client.end();
      await closed;
    }
    this.#end("closed by the agent");
  }

  #openSocket(): TLSSocket {
    const { host, port, serverName, tls, maxIncomingBytes } = this.#options;
    const socket = connect({
      ...tls,
      host,
      port,
      minVersion: "TLSv1.3",
      rejectUnauthorized: true,
      servername: isIP(serverName) === 0 ? serverName : "",
      checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    });
    socket.setNoDelay(true);
    const limit = new IncomingLimit(maxIncomingBytes);
    // Runs before MQTT.js reads the same bytes, because it is the first to listen.
    socket.on("data", (chunk: Buffer) => {
      const reason = limit.refuses(chunk);
      if (reason !== undefined) this.#end(reason);
    });
    socket.on("error", (error: Error) => this.#end(describe(error)));
    return socket;
  }

  #subscribe(): void {
    this.#client.subscribe([...this.#options.subscriptions], { qos: 1 }, (error: Error | null) => {
      if (this.#state !== "connecting") return;
      if (error) {
        this.#end(`the broker refused a subscription: ${error.message}`);
        return;
      }
      clearTimeout(this.#connectTimer);
      this.#state = "ready";
      this.#events.onReady();
    });
  }

  #end(reason: string): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    clearTimeout(this.#connectTimer);
    for (const fail of [...this.#unanswered]) fail(new Error(reason));
    this.#client.end(true);
    this.#socket.destroy();
    this.#events.onEnded(reason);
  }
}

function clientOptions({ clientId, connectTimeoutMs }: ConnectionOptions): IClientOptions {
  return {
    clientId,
    clean: true,
    keepalive: KEEPALIVE_SECONDS,
    protocolVersion: 4,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // Ours ends it first, and counts to the granted subscription.
    connectTimeout: 2 * connectTimeoutMs,
    // The default may start a worker thread for its pings.
    timerVariant: "native",
  };
}

function describe(error: Error): string {
  const code: unknown = "code" in error ? error.code : undefined;
  return typeof code !== "string" || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
