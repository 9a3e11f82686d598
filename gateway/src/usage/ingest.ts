import type { Instant } from "@badgekey/shared";
import type { CommittedBatch, PacketBatch, UsageJournal } from "./ports.js";

export interface IngestDeps {
  readonly journal: UsageJournal;
  readonly clock: () => Instant;
  /** How many decoded rows a batch should bring back: 0 while nobody watches. */
  readonly mostRows: () => number;
  readonly onCommitted: (batch: CommittedBatch) => void;
}

interface Waiting {
  readonly agent: string;
  readonly payload: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bounds one transaction, so that an early packet does not wait for a late one. */
const MOST_PACKETS = 500;
const MOST_BYTES = 4 * 1024 * 1024;
/** With so many waiting, the next commit is handed over before the one under way has ended: the store never idles. */
const ENOUGH_FOR_ANOTHER = 250;

/**
 * Group commit: packets that arrive while a commit runs go into the next one together, so the price of one fsync is
 * shared under load and paid at once without it. `take` resolves after the commit; PUBACK follows.
 */
export class Ingest {
  readonly #deps: IngestDeps;
  readonly #waiting: Waiting[] = [];
  #commits = 0;
  #scheduled = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(deps: IngestDeps) {
    this.#deps = deps;
  }

  /** `payload` may be reused by the caller once the promise has settled. Rejects when the commit failed. */
  take(agent: string, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ agent, payload, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits for a commit. */
  idle(): Promise<void> {
    if (this.#commits === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#scheduled || !this.#mayCommit()) return;
    this.#scheduled = true;
    // One turn of the loop: what came in the same read of the sockets belongs together.
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#mayCommit()) void this.#commit(this.#nextBatch());
    });
  }

  #mayCommit(): boolean {
    if (this.#waiting.length === 0) return false;
    return this.#commits === 0 || (this.#commits === 1 && this.#waiting.length >= ENOUGH_FOR_ANOTHER);
  }

  #nextBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#waiting) {
      bytes += payload.length;
      if (count > 0 && (bytes > MOST_BYTES || count >= MOST_PACKETS)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(packets: readonly Waiting[]): Promise<void> {
    const { journal, clock, mostRows, onCommitted } = this.#deps;
    this.#commits += 1;
    let committed: CommittedBatch | undefined;
    try {
      committed = await journal.commit(pack(packets, clock(), mostRows()));
      for (const { resolve } of packets) resolve();
    } catch (error) {
      for (const { reject } of packets) reject(error);
    }
    this.#commits -= 1;
    this.#schedule();
    if (this.#commits === 0 && this.#waiting.length === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    if (committed) onCommitted(committed);
  }
}

function pack(packets: readonly Waiting[], receivedAt: Instant, mostRows: number): PacketBatch {
  const size = packets.reduce((sum, { payload }) => sum + payload.length, 0);
  const bytes = new Uint8Array(size);
  const agents: string[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const { agent, payload } of packets) {
    bytes.set(payload, at);
    at += payload.length;
    agents.push(agent);
    ends.push(at);
  }
  return { receivedAt, agents, ends, bytes, mostRows };
}
