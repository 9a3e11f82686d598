import { type Socket, connect, createServer as createTcpServer } from "node:net";
import { type TLSSocket, createServer as createTlsServer } from "node:tls";
import { Aedes } from "aedes";
import { Events } from "../testing/events.js";
import type { TestAuthority } from "../testing/test-certificates.js";

export interface Received {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** A real broker over TLS 1.3 with client certificates, as far as an uplink sees one. */
export interface TestBroker {
  readonly port: number;
  /** What agents published. */
  readonly received: Events<Received>;
  /** "+laser-1" and "-laser-1" as clients come and go. */
  readonly presence: Events<string>;
  /** While false, publishes are not acknowledged. */
  acknowledging: boolean;
  publish(topic: string, payload: Uint8Array, options?: { retain?: boolean; qos?: 0 | 1 | 2 }): Promise<void>;
  /** Cuts every connection without a word. */
  cut(): void;
  close(): Promise<void>;
}

export interface TestBrokerOptions {
  readonly port?: number;
  readonly host?: string;
  readonly grants?: (filter: string) => boolean;
}

export async function startTestBroker(authority: TestAuthority, options: TestBrokerOptions = {}): Promise<TestBroker> {
  const received = new Events<Received>();
  const presence = new Events<string>();
  const sockets = new Set<TLSSocket>();
  const broker = {
    acknowledging: true,
  };
  const aedes = await Aedes.createBroker({
    authorizePublish(client, packet, callback) {
      if (!client) {
        callback(null);
        return;
      }
      received.add({ topic: packet.topic, payload: new Uint8Array(packet.payload as Buffer) });
      if (broker.acknowledging) callback(null);
    },
    authorizeSubscribe(_client, subscription, callback) {
      callback(null, options.grants?.(subscription.topic) === false ? null : subscription);
    },
  });
  aedes.on("client", ({ id }) => presence.add(`+${id}`));
  aedes.on("clientDisconnect", ({ id }) => presence.add(`-${id}`));
  // A connection that a test cuts is no news.
  aedes.on("clientError", () => undefined);
  aedes.on("connectionError", () => undefined);
  const server = createTlsServer(
    {
      ...(await authority.server(options.host)),
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
    },
    (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      aedes.handle(socket);
    },
  );
  const port = await new Promise<number>((resolve) => {
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return Object.assign(broker, {
    port,
    received,
    presence,
    publish: (
      topic: string,
      payload: Uint8Array,
      { retain = false, qos = 1 }: { retain?: boolean; qos?: 0 | 1 | 2 } = {},
    ) =>
      new Promise<void>((resolve, reject) => {
        aedes.publish({ cmd: "publish", topic, payload: Buffer.from(payload), qos, retain, dup: false }, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    cut,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await new Promise<void>((resolve) => aedes.close(resolve));
      await closed;
    },
  });
}

export interface Wire {
  readonly port: number;
  /** "open": passes on; "silent": takes bytes and passes none on; "unplugged": refuses and cuts. */
  set(state: "open" | "silent" | "unplugged"): void;
  close(): Promise<void>;
}

/** A cable to `target` that a test can pull, or make mute without either end noticing. */
export async function startWire(target: number): Promise<Wire> {
  let state: "open" | "silent" | "unplugged" = "open";
  const open = new Set<Socket>();
  const server = createTcpServer((near) => {
    if (state === "unplugged") {
      near.destroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      // prettier-ignore
      open.add(from);
      from.on("data", (chunk) => {
        if (state === "open") to.write(chunk);
      });
      // Cut cables are what this is for.
      from.on("error", () => undefined);
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const set = (next: "open" | "silent" | "unplugged"): void => {
    state = next;
    if (next === "unplugged") for (const socket of open) socket.destroy();
  };
  return {
    port,
    set,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      set("unplugged");
      await closed;
    },
  };
}
