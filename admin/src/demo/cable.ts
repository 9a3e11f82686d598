import { type Server, type Socket, connect, createServer } from "node:net";

/** Where a cable leads. */
export interface CableEnd {
  readonly host: string;
  readonly port: number;
}

/**
 * A network cable between one agent and the broker that can be pulled: a TCP proxy that then refuses and drops
 * everything.
 */
export interface Cable {
  /** The agent's end: a port on 127.0.0.1. */
  readonly port: number;
  readonly plugged: boolean;
  /** Connections that pass now. */
  readonly connections: number;
  plug(): void;
  pull(): void;
  /** Leads new connections elsewhere: a broker that came back on another port. */
  leadTo(end: CableEnd): void;
  close(): Promise<void>;
}

export async function layCable(end: CableEnd): Promise<Cable> {
  let target = end;
  let plugged = true;
  const sockets = new Set<Socket>();
  const pairs = new Set<Socket>();

  const server: Server = createServer((near) => {
    sockets.add(near);
    near.on("close", () => {
      sockets.delete(near);
      pairs.delete(near);
    });
    // Both ends drop connections as they like: that is what a cable is for.
    near.on("error", () => undefined);
    if (!plugged) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target.port, target.host);
    sockets.add(far);
    pairs.add(near);
    far.on("error", () => near.resetAndDestroy());
    far.on("close", () => {
      sockets.delete(far);
      near.destroy();
    });
    near.on("close", () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has a port");

  return {
    port: address.port,
    get plugged() {
      return plugged;
    },
    get connections() {
      return pairs.size;
    },
    plug() {
      plugged = true;
    },
    pull() {
      plugged = false;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    leadTo(next) {
      target = next;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
