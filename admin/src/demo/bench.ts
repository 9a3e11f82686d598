import { rm } from "node:fs/promises";
import { type Server, type Socket, createServer } from "node:net";
import { fromHex, toHex } from "@badgekey/shared";
import type { VirtualCard } from "@badgekey/shared/testing";
import { type FromAgent, type ToReader, type ToRelay, fromAgent, lineCutter } from "./bench-messages.js";

export interface ScreenText {
  readonly tone: Extract<FromAgent, { type: "screen" }>["tone"];
  readonly headline: string;
  readonly detail: string;
  readonly next: string;
}

/** One verdict as the agent measured it: from the card's last byte to the verdict, and the whole tap, microseconds. */
export interface Decision {
  /** Rises by one with every decision of this bench. */
  readonly count: number;
  readonly code: string;
  readonly decisionUs: number;
  readonly tapUs: number;
}

export interface BenchState {
  readonly readers: number;
  readonly relay: "closed" | "open" | "unknown";
  /** How often the relay has closed since the bench began. */
  readonly closings: number;
  /** The other outputs that were told of, by their names in the wiring. */
  readonly outputs: Readonly<Record<string, boolean>>;
  /** The machine's contacts as they were set here; one that was never set is inactive. */
  readonly inputs: Readonly<Record<string, boolean>>;
  readonly screen: ScreenText | undefined;
  readonly decision: Decision | undefined;
  readonly card: VirtualCard | undefined;
}

/** The workbench under one simulated machine: its agent's reader, relay and screen end here. */
export interface Bench {
  readonly socketPath: string;
  readonly state: BenchState;
  /** Lays a card on the reader; a card that lies there is taken away first. */
  insert(card: VirtualCard): void;
  remove(): void;
  /** Moves a contact of the machine: `busy`, `emergencyStop` and the others of its wiring. */
  setInput(input: string, active: boolean): void;
  close(): Promise<void>;
}

export interface BenchOptions {
  /** Unix socket; at most about 100 bytes long. A stale one is replaced. */
  readonly socketPath: string;
  onChange(): void;
  /** A driver said what it should not; it has been hung up on. */
  onTrouble(detail: string): void;
}

const NOTHING: BenchState = {
  readers: 0,
  relay: "unknown",
  closings: 0,
  outputs: {},
  inputs: {},
  screen: undefined,
  decision: undefined,
  card: undefined,
};

/** Opens the bench and listens. Rejects when the socket cannot be made. */
export async function openBench(options: BenchOptions): Promise<Bench> {
  const bench = new UnixBench(options);
  await bench.listen();
  return bench;
}

class UnixBench implements Bench {
  readonly socketPath: string;
  readonly #options: BenchOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #readers = new Set<Socket>();
  readonly #relays = new Set<Socket>();
  #state = NOTHING;
  #presentation = 0;

  constructor(options: BenchOptions) {
    this.#options = options;
    this.socketPath = options.socketPath;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  get state(): BenchState {
    return this.#state;
  }

  async listen(): Promise<void> {
    await rm(this.socketPath, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.socketPath, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  insert(card: VirtualCard): void {
    if (this.#state.card) this.remove();
    card.reset();
    this.#presentation += 1;
    this.#note({ card });
    this.#tellReaders({ type: "insert", id: this.#presentation, atr: toHex(card.atr) });
  }

  remove(): void {
    if (!this.#state.card) return;
    this.#state.card.reset();
    this.#note({ card: undefined });
    this.#tellReaders({ type: "remove", id: this.#presentation });
  }

  setInput(input: string, active: boolean): void {
    this.#note({ inputs: { ...this.#state.inputs, [input]: active } });
    for (const socket of this.#relays) say(socket, { type: "input", input, active });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.socketPath, { force: true });
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setEncoding("utf8");
    let role: "reader" | "relay" | "screen" | undefined;
    const cut = lineCutter();
    socket.on("data", (text: string) => {
      try {
        for (const line of cut(text)) {
          const message = fromAgent.parse(JSON.parse(line));
          if (message.type === "hello") {
            role = message.role;
            if (role === "reader") this.#readerCame(socket);
            if (role === "relay") this.#relayCame(socket);
          } else if (role === undefined) {
            throw new RangeError("a message before the hello");
          } else {
            this.#hear(socket, message);
          }
        }
      } catch (error) {
        this.#options.onTrouble(`a driver sent what it should not: ${(error as Error).message}`);
        socket.destroy();
      }
    });
    // A driver that went away is told by "close"; the reason changes nothing here.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#readers.delete(socket);
      this.#relays.delete(socket);
      // Whoever cannot see the contact must not claim that it is closed.
      if (role === "relay") this.#note({ relay: "unknown", outputs: {} });
      if (role === "reader") this.#note({ readers: this.#readers.size });
      if (role === "screen") this.#note({ screen: undefined });
    });
  }

  #readerCame(socket: Socket): void {
    this.#readers.add(socket);
    this.#note({ readers: this.#readers.size });
    const { card } = this.#state;
    if (card) say(socket, { type: "insert", id: this.#presentation, atr: toHex(card.atr), found: true });
  }

  #relayCame(socket: Socket): void {
    this.#relays.add(socket);
    for (const [input, active] of Object.entries(this.#state.inputs)) say(socket, { type: "input", input, active });
  }

  #hear(socket: Socket, message: Exclude<FromAgent, { type: "hello" }>): void {
    switch (message.type) {
      case "apdu": {
        const { card } = this.#state;
        // An answer to a card that has left would be one of another card.
        if (!card || message.id !== this.#presentation) return;
        const data = toHex(card.apdu(fromHex(message.data)));
        say(socket, { type: "answer", id: message.id, n: message.n, data });
        return;
      }
      case "relay": {
        const closes = message.position === "closed" && this.#state.relay !== "closed";
        this.#note({ relay: message.position, closings: this.#state.closings + (closes ? 1 : 0) });
        return;
      }
      case "outputs": {
        const levels = Object.entries(message).flatMap(([name, on]) => (typeof on === "boolean" ? [[name, on]] : []));
        this.#note({ outputs: Object.fromEntries(levels) as Record<string, boolean> });
        return;
      }
      case "screen": {
        const { tone, headline, detail, next } = message;
        this.#note({ screen: { tone, headline, detail, next } });
        return;
      }
      case "decision": {
        const { code, decisionUs, tapUs } = message;
        const count = (this.#state.decision?.count ?? 0) + 1;
        this.#note({ decision: { count, code, decisionUs, tapUs } });
      }
    }
  }

  #tellReaders(message: ToReader): void {
    for (const socket of this.#readers) say(socket, message);
  }

  #note(change: Partial<BenchState>): void {
    this.#state = { ...this.#state, ...change };
    this.#options.onChange();
  }
}

function say(socket: Socket, message: ToReader | ToRelay): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
