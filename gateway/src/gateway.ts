import { type Instant, toHex } from "@badgekey/shared";
import { mkdirSync } from "node:fs";
import { Server as HttpsServer } from "node:https";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { handlePublication } from "./agent-traffic.js";
import { type Broker, startBroker } from "./broker/broker.js";
import { ListenError } from "./broker/tls-listener.js";
import type { GatewayConfig } from "./config.js";
import { buildServer } from "./http/server.js";
import { loadAdminToken } from "./keys/admin-token.js";
import { type ServerTls, loadServerTls, loadSiteCa } from "./keys/tls-files.js";
import { type Parts, openParts } from "./parts.js";
import { openThreadChannel } from "./store/store-channel.js";

export interface GatewayDeps {
  /** ms since the epoch. */
  readonly clock: () => Instant;
  /** Monotonic ms. */
  readonly nowMs: () => number;
  readonly log: Logger;
  /** Of this program. */
  readonly version: string;
  /** Something broke that only a new process mends; called at most once. */
  readonly onFatal: (error: Error) => void;
}

export interface GatewayAddresses {
  readonly http: string;
  readonly https?: string;
  /** host:port on which the broker listens. */
  readonly broker: string;
  /** SHA-256 of root version 1, hex. */
  readonly site: string;
}

export interface Gateway {
  /** Resolves when everything listens. Rejects with a ListenError where a port cannot be opened. */
  start(): Promise<GatewayAddresses>;
  /** Ends what runs, in the order in which nothing is lost. */
  stop(): Promise<void>;
}

const SWEEP_MS = 1_000;
const RENEW_MS = 12 * 3_600_000;

/** The whole server process of a site, built from its config; nothing runs before `start`. */
export function buildGateway(config: GatewayConfig, deps: GatewayDeps): Gateway {
  const { clock, nowMs, log, version } = deps;
  const timers: NodeJS.Timeout[] = [];
  const background = new Set<Promise<void>>();
  let parts: Parts | undefined;
  let broker: Broker | undefined;
  let servers: readonly FastifyInstance[] = [];
  let addresses: GatewayAddresses | undefined;

  async function start(): Promise<GatewayAddresses> {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    const token = loadAdminToken(join(config.dataDir, "admin-token"));
    const ca = await loadSiteCa(config.dataDir, config.siteName, clock());
    const hosts = [
      ...new Set([config.broker.advertise.host, ...(config.https?.names ?? []), "localhost", "127.0.0.1"]),
    ];
    let tls: ServerTls = await loadServerTls(config.dataDir, ca, hosts, clock());
    const opened = await openParts({
      config,
      ca,
      openChannel: (path) => openThreadChannel(path, deps.onFatal),
      clock,
      nowMs,
      log,
      version,
      send,
      disconnect: (agent) => void broker?.disconnect(agent),
      brokerAddress: () => {
        const { host, port } = config.broker.advertise;
        return { host, port: port === 0 ? (broker?.port ?? 0) : port };
      },
      inviteUrl: () => addresses?.https ?? addresses?.http ?? "",
      serverCertificateEndsAt: () => tls.expiresAt,
    });
    parts = opened;
    broker = await startBroker({
      site: opened.site.id,
      tls,
      host: config.broker.host,
      port: config.broker.port,
      onPublish: (publication) => handlePublication(publication, opened.traffic),
      onQuarantine: ({ agent, topic, bytes }) => {
        inBackground(opened.agents.quarantined(agent, `${bytes} bytes to ${topic}`));
      },
      onConnect: ({ agent }) => {
        opened.agents.connected(agent);
      },
      onDisconnect: (agent) => {
        inBackground(opened.agents.disconnected(agent));
      },
      isRevoked: (agent, serial) => opened.agents.isRevoked(agent, serial),
      log,
    });
    // A broker without memory: everything retained is sent again at every start.
    opened.publisher.sendAll();

    const loopback = ["127.0.0.1", "localhost", "::1"];
    const http = await buildServer({ api: opened.api, token, log, hostNames: loopback });
    servers = [http];
    const httpUrl = `http://${hostInUrl(config.http.host)}:${await listen(http, config.http)}`;
    let httpsUrl: string | undefined;
    if (config.https) {
      const { host, port, names } = config.https;
      const hostNames = [...loopback, ...names.map((name) => name.toLowerCase())];
      const https = await buildServer({ api: opened.api, token, log, hostNames, tls });
      servers = [http, https];
      httpsUrl = `https://${hostInUrl(names[0] ?? host)}:${await listen(https, { host, port })}`;
    }

    every(config.heartbeatSeconds * 1_000, () => opened.publisher.publish());
    every(SWEEP_MS, () => opened.jobs.sweep());
    every(RENEW_MS, async () => {
      const next = await loadServerTls(config.dataDir, ca, hosts, clock());
      if (next.cert === tls.cert) return;
      tls = next;
      broker?.useTls(next);
      for (const { server } of servers) if (server instanceof HttpsServer) server.setSecureContext(next);
    });
    addresses = {
      http: httpUrl,
      ...(httpsUrl !== undefined && { https: httpsUrl }),
      broker: `${hostInUrl(config.broker.host)}:${broker.port}`,
      site: toHex(opened.site.id),
    };
    return addresses;
  }

  async function stop(): Promise<void> {
    for (const timer of timers.splice(0)) clearInterval(timer);
    await Promise.all(servers.map((server) => server.close()));
    servers = [];
    // The broker takes nothing more and waits for the commits under way; only then may the database close.
    await broker?.close();
    broker = undefined;
    // What they broke off is logged where it began; none of it may meet a closed database.
    await Promise.allSettled(background);
    const closing = parts;
    parts = undefined;
    if (!closing) return;
    await closing.ingest.idle();
    closing.acknowledger.close();
    await closing.publisher.idle();
    await closing.database.close();
  }

  function send(topic: string, payload: Uint8Array, retain: boolean): void {
    broker?.publish(topic, payload, { retain }).catch(logFailure);
  }

  function every(ms: number, run: () => Promise<unknown>): void {
    timers.push(
      setInterval(() => {
        inBackground(run());
      }, ms),
    );
  }

  function inBackground(work: Promise<unknown>): void {
    const watched = work.then(() => undefined, logFailure);
    background.add(watched);
    void watched.finally(() => background.delete(watched));
  }

  function logFailure(error: unknown): void {
    log.error({ err: error }, "work in the background failed");
  }

  return { start, stop };
}

/** Resolves with the port that was opened. */
async function listen(server: FastifyInstance, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await server.listen({ host, port, listenTextResolver: (address) => `the API listens at ${address}` });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
    throw error instanceof Error ? new ListenError(code, host, port, error) : error;
  }
  const address = server.server.address();
  return typeof address === "object" && address ? address.port : port;
}

function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
