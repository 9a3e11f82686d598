import { readFileSync, readdirSync } from "node:fs";
import { type Card, type PcscReaderOptions, type Reader, type ReaderEvent, pcscReader } from "@badgekey/device-agent";
import type { VirtualCard } from "@badgekey/shared/testing";
import { READERS } from "./pcscd.js";
import { type FaultPlan, VPCD_PORTS, VpcdCard } from "./vpcd-card.js";

type EventOf<K extends ReaderEvent["kind"]> = Extract<ReaderEvent, { kind: K }>;

/** A reader driver under test, bound to one of the two virtual readers, with what it reports as a queue. */
export class Field {
  readonly #reader: Reader;
  readonly #port: number;
  readonly #events: ReaderEvent[] = [];
  #wake: () => void = () => undefined;

  /** Binds reader 0 or 1 by name; `options` may ask for another binding. Resolves once the driver is started. */
  static start(slot: 0 | 1 = 0, options: PcscReaderOptions = { name: READERS[slot] }): Field {
    return new Field(VPCD_PORTS[slot], options);
  }

  private constructor(port: number, options: PcscReaderOptions) {
    this.#port = port;
    this.#reader = pcscReader(options);
    this.#reader.start((event) => {
      this.#events.push(event);
      this.#wake();
    });
  }

  /** The next event; fails when it is of none of these kinds. */
  async next<K extends ReaderEvent["kind"]>(...kinds: readonly K[]): Promise<EventOf<K>> {
    while (this.#events.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const event = this.#events.shift() as ReaderEvent;
    if (!kinds.some((kind) => kind === event.kind))
      throw new Error(`not ${kinds.join(" or ")}: ${JSON.stringify(event)}`);
    return event as EventOf<K>;
  }

  /** Events not looked at yet. */
  get pending(): number {
    return this.#events.length;
  }

  /** Lays a card on the reader, does something with it, takes it away, and waits until all of that was seen. */
  async tap<T>(virtual: VirtualCard, use: (card: Card) => Promise<T>, plan?: FaultPlan): Promise<T> {
    const inserted = await VpcdCard.insert(virtual, this.#port, plan);
    try {
      const { card } = await this.next("cardPresented");
      return await use(card);
    } finally {
      await inserted.remove();
      await this.next("cardRemoved");
    }
  }

  insert(virtual: VirtualCard, plan?: FaultPlan): Promise<VpcdCard> {
    return VpcdCard.insert(virtual, this.#port, plan);
  }

  /** What the reader's own light shall say. */
  show(signal: Parameters<NonNullable<Reader["show"]>>[0]): void {
    this.#reader.show?.(signal);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface ProcessSize {
  readonly residentKb: number;
  readonly openFiles: number;
}

/** The reader processes that this test process has started. */
export function readerProcesses(): readonly number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);
  return children
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pcsc-reader-process"));
}

export function sizeOf(pid: number): ProcessSize {
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { residentKb: Number(resident), openFiles: readdirSync(`/proc/${pid}/fd`).length };
}
