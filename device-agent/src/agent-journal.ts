import { type UsageRecord, encodeUsageRecord } from "@badgekey/shared";
import type { Journal, JournalHead, MarkChanges, Scheduler } from "./ports.js";

export interface JournalWriterOptions {
  readonly journal: Pick<Journal, "append">;
  readonly head: JournalHead;
  readonly scheduler: Scheduler;
  /** The journal refused; what it refused is tried again. */
  readonly onFailed: (error: unknown) => void;
  /** Everything asked for is durable. */
  readonly onDrained: () => void;
}

interface Entry {
  readonly bodies: readonly Uint8Array[];
  readonly marks: MarkChanges;
  readonly done: () => void;
}

const RETRY_MS = 1_000;
/** Each try makes the journal read all of its file again. */
const MOST_RETRY_MS = 8_000;
/**
 * With the disk broken nobody can start anything: what goes on coming are refusals, and those are then only counted.
 */
const MOST_WAITING_WITH_REFUSALS = 2_000;

/**
 * Hands records and marks to the journal in order: what comes while a commit is under way goes into the next one
 * together. What the journal refuses is kept and tried again, so that no record is lost to a disk that recovers.
 */
export class JournalWriter {
  readonly #options: JournalWriterOptions;
  #waiting: Entry[] = [];
  #writing: readonly Entry[] = [];
  #head: JournalHead;
  /** Resolves once the newest entry is durable. */
  #tail: Promise<void> = Promise.resolve();
  #cancelRetry: (() => void) | undefined;
  #retryMs = RETRY_MS;
  /** Refusals that found no place, by their code. */
  readonly #uncounted = new Map<string, UsageRecord>();

  constructor(options: JournalWriterOptions) {
    this.#options = options;
    this.#head = options.head;
  }

  get head(): JournalHead {
    return this.#head;
  }

  /**
   * Resolves once these, and all before them, are durable; never rejects. With nothing to write it tells when that is.
   */
  write(records: readonly UsageRecord[], marks: MarkChanges = new Map()): Promise<void> {
    const kept = this.#isFlooded() ? records.filter((record) => !this.#count(record)) : records;
    if (kept.length === 0 && marks.size === 0) return this.#tail;
    const bodies = kept.map(encodeUsageRecord);
    this.#tail = new Promise((done) => this.#waiting.push({ bodies, marks, done }));
    this.#next();
    return this.#tail;
  }

  /** Stops retrying. */
  close(): void {
    this.#cancelRetry?.();
  }

  #isFlooded(): boolean {
    return this.#waiting.length > MOST_WAITING_WITH_REFUSALS;
  }

  /** True for a refusal: it is counted, to be written once there is room again (SAFETY R19). */
  #count(record: UsageRecord): boolean {
    if (record.kind !== "tapRefused") return false;
    const { kind, at, clock, machine, upMs, code = "" } = record;
    const count = (this.#uncounted.get(code)?.count ?? 0) + (record.count ?? 1);
    this.#uncounted.set(code, { kind, at, clock, machine, upMs, code, count });
    return true;
  }

  #writeCounts(): void {
    const counted = [...this.#uncounted.values()];
    this.#uncounted.clear();
    if (counted.length > 0) void this.write(counted);
  }

  #next(): void {
    if (this.#writing.length > 0 || this.#cancelRetry || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0);
    this.#writing = batch;
    const marks = new Map(batch.flatMap((entry) => [...entry.marks]));
    const bodies = batch.flatMap((entry) => entry.bodies);
    this.#options.journal.append(bodies, marks).then(
      (head) => this.#onWritten(batch, head),
      (error: unknown) => this.#onRefused(batch, error),
    );
  }

  #onWritten(batch: readonly Entry[], head: JournalHead): void {
    this.#head = head;
    this.#writing = [];
    this.#retryMs = RETRY_MS;
    for (const { done } of batch) done();
    this.#writeCounts();
    if (this.#waiting.length === 0) this.#options.onDrained();
    this.#next();
  }

  #onRefused(batch: readonly Entry[], error: unknown): void {
    this.#writing = [];
    // The same body objects: the journal knows them again, should their commit have reached the disk after all.
    this.#waiting.unshift(...batch);
    const pauseMs = this.#retryMs;
    this.#retryMs = Math.min(2 * pauseMs, MOST_RETRY_MS);
    this.#cancelRetry = this.#options.scheduler.after(pauseMs, () => {
      this.#cancelRetry = undefined;
      this.#next();
    });
    this.#options.onFailed(error);
  }
}
