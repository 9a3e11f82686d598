import { constants } from "node:crypto";
import { createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { BaseLogger } from "pino";
import type { BrokerLimits } from "./limits.js";

/** What the broker writes to. */
export type BrokerLog = Pick<BaseLogger, "debug" | "info" | "warn" | "error">;

/** The gateway's own certificate and the CA whose agents it admits, all PEM. */
export interface BrokerTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** The port could not be opened. `code` is the system's: EADDRINUSE, EACCES, EADDRNOTAVAIL … */
export class ListenError extends Error {
  override readonly name = "ListenError";

  constructor(
    readonly code: string,
    readonly host: string,
    readonly port: number,
    cause: Error,
  ) {
    super(describeListenFailure(code, host, port), { cause });
  }
}

function describeListenFailure(code: string, host: string, port: number): string {
  const place = `port ${String(port)} on ${host}`;
  switch (code) {
    case "EADDRINUSE":
      return `${place} is taken by another program: stop it or choose another port`;
    case "EACCES":
      return `${place} may not be opened by this user: choose a port above 1023`;
    case "EADDRNOTAVAIL":
      return `${place} cannot be opened: this computer has no such address`;
    default:
      return `${place} cannot be opened (${code})`;
  }
}

export interface TlsListenerOptions {
  readonly tls: BrokerTls;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly limits: BrokerLimits;
  readonly log: BrokerLog;
  /** A connection whose client certificate has been verified. */
  readonly onSecured: (socket: TLSSocket) => void;
}

export interface TlsListener {
  readonly port: number;
  /** Uses other key material for connections from now on; live ones stay. */
  useTls(tls: BrokerTls): void;
  /** Connections, those in the handshake included. */
  connections(): number;
  /** Ends the listening and every connection. */
  close(): Promise<void>;
}

/**
 * Opens a TLS 1.3 port that admits only clients with a certificate of `tls.ca`. Connections are counted and bounded as
 * plain TCP, before a handshake costs anything. Rejects with a ListenError.
 */
export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const { host, limits, log } = options;
  const open = new Set<Socket>();
  const perAddress = new Map<string, number>();

  const tlsServer = createTlsServer({
    ...options.tls,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: limits.handshakeTimeoutMs,
    // A resumed session skips the verification of the certificate, which may have expired in between.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  tlsServer.on("secureConnection", options.onSecured);
  tlsServer.on("tlsClientError", (error, socket) => {
    log.info({ address: socket.remoteAddress, reason: error.message }, "refused a connection without valid TLS");
    socket.destroy();
  });

  const tcpServer = createTcpServer({ noDelay: true, keepAlive: true }, (socket) => {
    const address = socket.remoteAddress ?? "";
    const fromThere = perAddress.get(address) ?? 0;
    if (open.size >= limits.maxConnections || fromThere >= limits.maxConnectionsPerAddress) {
      log.warn({ address, connections: open.size, fromThere }, "refused a connection: too many of them");
      socket.destroy();
      return;
    }
    open.add(socket);
    perAddress.set(address, fromThere + 1);
    socket.once("close", () => {
      open.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
    tlsServer.emit("connection", socket);
  });

  await new Promise<void>((resolve, reject) => {
    tcpServer.once("error", (error: NodeJS.ErrnoException) => {
      reject(new ListenError(error.code ?? "UNKNOWN", host, options.port, error));
    });
    tcpServer.listen(options.port, host, resolve);
  });
  tcpServer.removeAllListeners("error");
  tcpServer.on("error", (error) => {
    log.error({ err: error }, "the broker's port failed to accept a connection");
  });

  const address = tcpServer.address();
  return {
    port: typeof address === "object" && address ? address.port : options.port,
    useTls(tls) {
      tlsServer.setSecureContext({ ...tls, minVersion: "TLSv1.3", secureOptions: constants.SSL_OP_NO_TICKET });
    },
    connections: () => open.size,
    close: () =>
      new Promise((resolve) => {
        tcpServer.close(() => {
          resolve();
        });
        for (const socket of open) socket.destroy();
      }),
  };
}
