import { Worker } from "node:worker_threads";
import type { ListOpening, OpenedList, TrustCode, Verdict } from "@badgekey/shared";
import type { ListOpener, Scheduler } from "../ports.js";
import { type OpeningOrder, type OpeningReply, unpacked } from "./list-travel.js";

// A thread loads built files only; from the sources, as in unit tests, the built twin is taken.
const worker = import.meta.url.endsWith(".ts") ? "../../dist/site-state/open-list-worker.js" : "./open-list-worker.js";

/** Lists change a few times a day: between them the thread's memory is worth more than its start. */
const IDLE_MS = 60_000;
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 96 };

interface Waiter {
  readonly resolve: (verdict: Verdict<OpenedList, TrustCode>) => void;
  readonly reject: (error: Error) => void;
}

export interface ListOpenerOptions {
  readonly agent: string;
  readonly scheduler: Scheduler;
}

/** Opens lists in a thread that starts when there is one to open, and ends when there was none for a minute. */
export function threadedListOpener(options: ListOpenerOptions): ListOpener {
  return new ThreadedListOpener(options);
}

class ThreadedListOpener implements ListOpener {
  readonly #options: ListOpenerOptions;
  readonly #waiting = new Map<number, Waiter>();
  #thread: Worker | undefined;
  #asked = 0;
  #cancelIdle: (() => void) | undefined;

  constructor(options: ListOpenerOptions) {
    this.#options = options;
  }

  open(name: string, bytes: Uint8Array, opening: ListOpening): Promise<Verdict<OpenedList, TrustCode>> {
    this.#cancelIdle?.();
    this.#thread ??= this.#start();
    this.#asked += 1;
    // A view would take all of the buffer behind it along.
    const order: OpeningOrder = {
      id: this.#asked,
      name,
      bytes: new Uint8Array(bytes),
      opening,
      agent: this.#options.agent,
    };
    this.#thread.postMessage(order);
    return new Promise((resolve, reject) => this.#waiting.set(order.id, { resolve, reject }));
  }

  async close(): Promise<void> {
    this.#cancelIdle?.();
    const thread = this.#thread;
    if (!thread) return;
    this.#end(thread, new Error("the opener of lists is closed"));
    await thread.terminate();
  }

  #start(): Worker {
    const thread = new Worker(new URL(worker, import.meta.url), { name: "lists", execArgv: [], resourceLimits });
    // The agent's own work keeps its process alive, not this.
    thread.unref();
    thread.on("message", (reply: OpeningReply) => this.#onReply(reply));
    thread.on("error", (cause: unknown) => this.#end(thread, new Error("the opener of lists failed", { cause })));
    thread.on("exit", () => this.#end(thread, new Error("the opener of lists ended")));
    return thread;
  }

  #onReply({ id, verdict }: OpeningReply): void {
    const waiter = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      this.#cancelIdle = this.#options.scheduler.after(IDLE_MS, () => void this.close());
    }
    waiter?.resolve(unpacked(verdict));
  }

  #end(thread: Worker, error: Error): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}
