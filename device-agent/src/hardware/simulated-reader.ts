import { type Socket, connect } from "node:net";
import { fromHex, toHex } from "@badgekey/shared";
import { z } from "zod";
import type { Reader, ReaderEvent } from "../ports.js";
import { CardInField } from "./card-in-field.js";

export interface SimulatedReaderOptions {
  /** Path of the unix socket on which the bench waits. */
  readonly socket: string;
  /** The reader's name in events; "simulated" unless told. */
  readonly reader?: string;
}

const hex = z
  .string()
  .max(2048)
  .regex(/^([0-9a-f]{2})*$/i);
const id = z.number().int().nonnegative();
const fromBench = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("insert"), id, atr: hex, found: z.boolean().default(false) }),
  z.strictObject({ type: z.literal("remove"), id }),
  z.strictObject({ type: z.literal("answer"), id, n: id, data: hex }),
]);
type FromBench = z.infer<typeof fromBench>;
type ToBench =
  | { readonly type: "hello"; readonly role: "reader" }
  | { readonly type: "apdu"; readonly id: number; readonly n: number; readonly data: string };

const LINE_LIMIT = 8192;
const ANSWER_TIMEOUT_MS = 2000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2000;

/**
 * A reader without hardware: a client of the demo's bench, in JSON lines over a unix socket. After its hello the bench
 * says `insert` (`found`: it lay there before the hello), `remove` and `answer`; it says `apdu`. A bench that is not
 * there is a `readerLost`, and is tried again.
 */
export function simulatedReader(options: SimulatedReaderOptions): Reader {
  return new SimulatedReader(options);
}

class SimulatedReader implements Reader {
  readonly #path: string;
  readonly #name: string;
  #onEvent: (event: ReaderEvent) => void = () => undefined;
  #socket: Socket | undefined;
  #card: CardInField | undefined;
  #presentation = 0;
  #failures = 0;
  #lostReason: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ socket, reader = "simulated" }: SimulatedReaderOptions) {
    this.#path = socket;
    this.#name = reader;
  }

  start(onEvent: (event: ReaderEvent) => void): void {
    this.#onEvent = onEvent;
    this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#dropCard();
    const socket = this.#socket;
    if (!socket || socket.closed) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    });
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    let reason = "absent: the bench hung up";
    let rest = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => {
      this.#failures = 0;
      this.#lostReason = undefined;
      this.#send({ type: "hello", role: "reader" });
      this.#onEvent({ kind: "readerReady", reader: this.#name });
    });
    socket.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      try {
        for (const line of lines) this.#hear(parseLine(line));
        if (rest.length > LINE_LIMIT) throw new RangeError(`a line of over ${LINE_LIMIT} characters`);
      } catch (error) {
        reason = `failed: the bench sent what it should not (${(error as Error).message})`;
        socket.destroy();
      }
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reason = `absent: no bench at ${this.#path} (${error.code ?? error.message})`;
    });
    socket.on("close", () => this.#lose(reason));
  }

  #hear(message: FromBench): void {
    switch (message.type) {
      case "insert":
        if (message.found) return this.#onEvent({ kind: "cardFound", reader: this.#name });
        return this.#present(message.id, fromHex(message.atr));
      case "remove":
        return this.#remove(message.id);
      case "answer":
        if (this.#card?.id === message.id) this.#card.settle(message.n, fromHex(message.data));
        return;
    }
  }

  #present(cardId: number, atr: Uint8Array): void {
    if (this.#card) this.#remove(this.#card.id);
    const card = new CardInField({
      presentation: ++this.#presentation,
      reader: this.#name,
      atr,
      id: cardId,
      timeoutMs: ANSWER_TIMEOUT_MS,
      send: (n, apdu) => this.#send({ type: "apdu", id: cardId, n, data: toHex(apdu) }),
    });
    this.#card = card;
    this.#onEvent({ kind: "cardPresented", card });
  }

  #remove(cardId: number): void {
    const card = this.#card;
    if (card?.id !== cardId) return;
    this.#dropCard();
    this.#onEvent({ kind: "cardRemoved", reader: this.#name, presentation: card.presentation });
  }

  #dropCard(): void {
    this.#card?.leave();
    this.#card = undefined;
  }

  #lose(reason: string): void {
    this.#dropCard();
    if (this.#closed) return;
    if (this.#lostReason !== reason) this.#onEvent({ kind: "readerLost", reader: this.#name, reason });
    this.#lostReason = reason;
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++);
    this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
  }

  #send(message: ToBench): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`);
  }
}

function parseLine(line: string): FromBench {
  if (line.length > LINE_LIMIT) throw new RangeError(`a line of over ${LINE_LIMIT} characters`);
  const message = fromBench.safeParse(JSON.parse(line));
  if (!message.success) throw new RangeError("an unknown message");
  return message.data;
}
