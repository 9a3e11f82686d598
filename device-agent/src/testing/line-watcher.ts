import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

interface Seen {
  readonly message: unknown;
  readonly at: number;
}

/** Stands at the other end of the simulated lines: keeps what it is told, with the time, and moves the contacts. */
export class LineWatcher {
  readonly all: Seen[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #news: () => void = () => {};
  #read = 0;

  constructor(path: string) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      createInterface({ input: socket }).on("line", (line) => {
        this.all.push({ message: JSON.parse(line), at: performance.now() });
        this.#news();
      });
    }).listen(path);
  }

  /** Resolves with the next message not yet taken. */
  async next(): Promise<Seen> {
    while (this.all.length <= this.#read) await new Promise<void>((resolve) => (this.#news = resolve));
    this.#read += 1;
    return this.all[this.#read - 1] as Seen;
  }

  /** Throws where the next messages are others. */
  async expectNext(...messages: unknown[]): Promise<void> {
    for (const message of messages) assert.deepEqual((await this.next()).message, message);
  }

  /** Moves a contact, or says what no listener should. */
  send(message: object): void {
    for (const socket of this.#sockets) socket.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
