import { agentTopic, type AgentTopic, agentTopics } from "@badgekey/shared";
import type { AedesOptions, AuthenticateError, Client, PublishPacket } from "aedes";
import type { TLSSocket } from "node:tls";
import { type Admission, admitAgent, type AdmittedAgent, type ConnackCode } from "./admission.js";
import { AgentAedes } from "./agent-aedes.js";
import { authorize } from "./authorize.js";
import { type FrameGuard, guardFrames } from "./frame-limit.js";
import { type BrokerLimits, defaultBrokerLimits } from "./limits.js";
import { PubackQueue } from "./puback-queue.js";
import { type BrokerLog, type BrokerTls, listenTls } from "./tls-listener.js";

/** A packet of an agent on one of its own topics. */
export interface Publication {
  readonly agent: string;
  readonly topic: AgentTopic;
  /** A view into what was received: copy what is kept beyond the promise. */
  readonly payload: Uint8Array;
}

/** A publish that an agent may not make. `bytes` is the size of its payload, `topic` is cut at 200 characters. */
export interface QuarantinedPublish {
  readonly agent: string;
  readonly topic: string;
  readonly bytes: number;
}

/** An agent whose connection was admitted. */
export interface ConnectedAgent extends Omit<AdmittedAgent, "kind"> {
  readonly address: string;
}

export interface BrokerOptions {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly tls: BrokerTls;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly limits?: Partial<BrokerLimits>;
  /**
   * Takes what an agent sent. The PUBACK goes out after the promise resolves, so resolve after the commit. Where it
   * rejects, the connection is closed without PUBACK and the agent sends again. Called for all packets in flight
   * without waiting for each other; PUBACKs keep the order of the publishes.
   */
  readonly onPublish: (publication: Publication) => Promise<void>;
  readonly onQuarantine: (publish: QuarantinedPublish) => void;
  /** Comes again, without `onDisconnect` between, where a new connection replaces the earlier one. */
  readonly onConnect: (agent: ConnectedAgent) => void;
  /** The agent has no connection any more. */
  readonly onDisconnect: (agent: string) => void;
  /** Asked at every connect; end live connections with `disconnect`. Default: nothing is revoked. */
  readonly isRevoked?: (agent: string, serial: string) => boolean;
  readonly log: BrokerLog;
}

export interface BrokerCounts {
  readonly published: number;
  readonly quarantined: number;
  /** CONNECTs refused: identity, client id, will, revoked. */
  readonly refused: number;
  /** Connections closed for a packet over the limit, or for bytes that are no MQTT. */
  readonly oversize: number;
}

export interface Broker {
  readonly port: number;
  /**
   * Sends to subscribers at QoS 1; `retain` keeps it for later ones, an empty payload then removes it. Resolves when
   * every connected subscriber took it or was dropped, which a stalled one delays up to `drainTimeoutMs`: it holds up
   * nobody else, so do not wait for it where time matters. Throws on a topic that is not the gateway's.
   */
  publish(topic: string, payload: Uint8Array, options?: { readonly retain?: boolean }): Promise<void>;
  connected(): readonly string[];
  counts(): BrokerCounts;
  /** Ends the agent's connection; false where there is none. */
  disconnect(agent: string): boolean;
  /** Uses renewed key material for new connections. */
  useTls(tls: BrokerTls): void;
  /** Ends every connection. Resolves when nothing arrives any more and every `onPublish` under way has ended. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: TLSSocket;
  readonly guard: FrameGuard;
  readonly pubacks: PubackQueue;
  readonly filters: Set<string>;
  /** Decided when CONNECT is read; the answer goes out when aedes asks for authentication. */
  admission: Admission | undefined;
  /** Set once CONNECT is answered with success. */
  agent: string | undefined;
  topics: ReadonlyMap<string, AgentTopic>;
}

/**
 * Starts the site's broker: MQTT 3.1.1 over TLS 1.3 with client certificates, clean sessions only, no wills, no QoS 2,
 * retained messages of the gateway only (SPEC 7). Rejects with a ListenError where the port cannot be opened.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { site, log } = options;
  const limits: BrokerLimits = { ...defaultBrokerLimits, ...options.limits };
  const connections = new WeakMap<Client, Connection>();
  const agents = new Map<string, Connection>();
  const counts = { published: 0, quarantined: 0, refused: 0, oversize: 0 };
  let underWay = 0;
  let onIdle: (() => void) | undefined;

  const aedes = new AgentAedes({
    ...aedesLimits(limits),

    preConnect(client, packet, callback) {
      const connection = connections.get(client);
      if (!connection) {
        callback(new Error("a connection that the listener did not open"), false);
        return;
      }
      // A stored session would be a second memory beside the gateway's tables. The CONNACK says "no session present",
      // which MQTT-3.2.2-2 allows for any CONNECT and every client must accept.
      packet.clean = true;
      const hasWill = packet.will !== undefined;
      connection.admission = admitAgent(
        connection.socket.getPeerCertificate(),
        { clientId: packet.clientId, hasWill },
        options.isRevoked ?? (() => false),
      );
      callback(null, true);
    },

    authenticate(client, _username, _password, callback) {
      const connection = connections.get(client);
      const admission = connection?.admission;
      // A socket that closed meanwhile has told so already: registering it would leave an agent connected for ever.
      if (!connection || !admission || connection.socket.destroyed) {
        callback(refusal("the connection closed before it was admitted", 5), false);
        return;
      }
      if (admission.kind === "refused") {
        counts.refused += 1;
        log.warn({ address: connection.socket.remoteAddress, reason: admission.reason }, "refused a connection");
        callback(refusal(admission.reason, admission.connack), false);
        return;
      }
      connection.guard.limitTo(limits.maxPacketBytes);
      admit(connection, admission);
      callback(null, true);
    },

    authorizePublish(client, packet, callback) {
      const connection = client ? connections.get(client) : undefined;
      if (!client || !connection?.agent) {
        callback(new Error("a publish without an agent"));
        return;
      }
      const { agent } = connection;
      if (packet.qos === 2) {
        callback(new Error(`agent ${agent} published at QoS 2, which is not offered`));
        return;
      }
      const committed = connection.pubacks.take(packet.qos === 1 ? packet.messageId : undefined, packet.payload.length);
      receive(connection, agent, packet, committed);
      // For aedes the packet is done: at QoS 0 it sends no PUBACK, and AgentAedes forwards nothing. It would otherwise
      // not read on before the commit, and a connection's packets could not be committed together.
      packet.qos = 0;
      connection.pubacks.whenRoom(() => {
        // Never from within the parser, which calls this: aedes would read on and enter it a second time.
        process.nextTick(callback, null);
      });
    },

    authorizeSubscribe(client, subscription, callback) {
      const connection = connections.get(client);
      if (!connection?.agent) {
        callback(new Error("a subscription without an agent"));
        return;
      }
      const { agent, filters } = connection;
      if (subscription.qos === 2) {
        callback(new Error(`agent ${agent} subscribed at QoS 2, which is not offered`));
        return;
      }
      const { topic } = subscription;
      const allowed =
        authorize({ site, actor: { kind: "agent", agent }, action: "subscribe", topic }) === "allow" &&
        (filters.has(topic) || filters.size < limits.maxSubscriptions);
      if (allowed) filters.add(topic);
      else log.warn({ agent, filter: topic.slice(0, 200) }, "refused a subscription");
      callback(null, allowed ? subscription : null); // null is answered with failure 0x80
    },

    authorizeForward(client, packet) {
      const agent = connections.get(client)?.agent;
      if (!agent) return null;
      const request = { site, actor: { kind: "agent", agent }, action: "deliver", topic: packet.topic } as const;
      return authorize(request) === "allow" ? packet : null;
    },
  });

  aedes.on("clientError", (client, error) => {
    log.info({ agent: connections.get(client)?.agent, reason: error.message }, "an agent's connection failed");
  });
  aedes.on("connectionError", (client, error) => {
    log.info({ address: connections.get(client)?.socket.remoteAddress, reason: error.message }, "a connection failed");
  });
  aedes.addListener("error", (error: unknown) => {
    log.error({ err: error }, "the broker failed");
  });
  await aedes.listen();

  /** Hands a publish to the gateway, or to quarantine; calls `committed` when its PUBACK is due. */
  function receive(connection: Connection, agent: string, packet: PublishPacket, committed: () => void): void {
    const topic = packet.retain ? undefined : connection.topics.get(packet.topic);
    if (!topic) {
      counts.quarantined += 1;
      options.onQuarantine({ agent, topic: packet.topic.slice(0, 200), bytes: packet.payload.length });
      // Acknowledged all the same: in MQTT 3.1.1 the only other answer is to hang up, and the client would bring the
      // same packet again for ever, with every good one waiting behind it.
      committed();
      return;
    }
    underWay += 1;
    commit({ agent, topic, payload: packet.payload as Buffer }).then(
      () => {
        counts.published += 1;
        committed();
        settle();
      },
      (error: unknown) => {
        log.error({ agent, topic, err: error }, "what an agent sent was not committed: closing so that it sends again");
        connection.socket.destroy();
        settle();
      },
    );
  }

  /** So that a throw counts as a rejection. */
  async function commit(publication: Publication): Promise<void> {
    await options.onPublish(publication);
  }

  function settle(): void {
    underWay -= 1;
    if (underWay === 0) onIdle?.();
  }

  function admit(connection: Connection, admission: AdmittedAgent): void {
    const { agent, serial, certificateExpiresAt } = admission;
    const earlier = agents.get(agent);
    connection.agent = agent;
    connection.topics = topicsOf(agent);
    agents.set(agent, connection);
    if (earlier) {
      // MQTT-3.1.4-2. aedes does the same by its own register, but loses its entry when two connects overlap.
      log.info({ agent }, "an agent connected again: its earlier connection is closed");
      earlier.socket.destroy();
    }
    options.onConnect({ agent, serial, certificateExpiresAt, address: connection.socket.remoteAddress ?? "" });
  }

  function serve(socket: TLSSocket): void {
    const guard = guardFrames(socket, limits.maxPacketBytesBeforeConnect, (finding) => {
      counts.oversize += 1;
      const where = { agent: connection.agent, address: socket.remoteAddress, finding };
      log.warn(where, "closed a connection for a packet over the limit or bytes that are no MQTT");
    });
    const connection: Connection = {
      socket,
      guard,
      pubacks: new PubackQueue(limits.maxInFlightBytes, (bytes, onFlushed) => {
        if (!socket.destroyed) socket.write(bytes, onFlushed);
      }),
      filters: new Set(),
      admission: undefined,
      agent: undefined,
      topics: new Map(),
    };
    socket.once("close", () => {
      const { agent } = connection;
      if (agent === undefined || agents.get(agent) !== connection) return;
      agents.delete(agent);
      options.onDisconnect(agent);
    });
    connections.set(aedes.handle(socket), connection);
  }

  /** Where `agent` may publish: the answers of `authorize`, asked once a connection instead of at every packet. */
  function topicsOf(agent: string): ReadonlyMap<string, AgentTopic> {
    const actor = { kind: "agent", agent } as const;
    const own = agentTopics.map((name) => [agentTopic(site, agent, name), name] as const);
    return new Map(own.filter(([topic]) => authorize({ site, actor, action: "publish", topic }) === "allow"));
  }

  const { tls, host, port } = options;
  const listener = await listenTls({ tls, host, port, limits, log, onSecured: serve }).catch((error: unknown) => {
    aedes.close();
    throw error;
  });

  return {
    port: listener.port,
    publish(topic, payload, { retain = false } = {}) {
      if (authorize({ site, actor: { kind: "gateway" }, action: "publish", topic }) !== "allow") {
        throw new Error(`the gateway does not publish to ${topic}`);
      }
      const packet = { cmd: "publish", topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as const;
      return new Promise((resolve, reject) => {
        aedes.publish(packet, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    },
    connected: () => [...agents.keys()],
    counts: () => ({ ...counts }),
    disconnect(agent) {
      const connection = agents.get(agent);
      connection?.socket.destroy();
      return connection !== undefined;
    },
    useTls: (next) => {
      listener.useTls(next);
    },
    async close() {
      await listener.close();
      await new Promise<void>((resolve) => {
        aedes.close(resolve);
      });
      if (underWay === 0) return;
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    },
  };
}

function aedesLimits(limits: BrokerLimits): AedesOptions {
  return {
    connectTimeout: limits.connectTimeoutMs,
    drainTimeout: limits.drainTimeoutMs,
    keepaliveLimit: Math.floor(limits.maxKeepaliveMs / 1_000),
    // Without a bound on deliveries at a time: with one, a hundred packets that wait for a stalled subscriber would
    // hold up everybody else's until the drain timeout. What waits is bounded by what the gateway itself sends.
    concurrency: 0,
    // Packets behind a CONNECT that is not answered yet.
    queueLimit: 16,
  };
}

/** The error by which aedes sends a CONNACK with this code. */
function refusal(reason: string, returnCode: ConnackCode): AuthenticateError {
  const error: Error = Object.assign(new Error(reason), { returnCode });
  return error as AuthenticateError;
}
