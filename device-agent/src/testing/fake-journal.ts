import { chainAfter, chainStart, rowCommitment, type RowPosition, sameBytes, type UsageRow } from "@badgekey/shared";
import type { Journal, JournalEvent, JournalHead, MarkChanges, OpenedJournal } from "../ports.js";

export interface FakeJournalOptions {
  /** 32 bytes; zeros when absent. */
  readonly site?: Uint8Array;
  readonly agent?: string;
  /** The first boot; 1 when absent. */
  readonly boot?: number;
  readonly marks?: ReadonlyMap<string, Uint8Array>;
}

interface Waiting {
  readonly work: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A journal in memory that behaves like the real one: same chain, positions, acknowledgement and order. Its disk can be
 * stalled, broken and mended by a test. What is asked while stalled is done in order at `resume`, as a late commit is.
 */
export class FakeJournal implements Journal {
  readonly #rows: { readonly row: UsageRow; readonly chain: Uint8Array }[] = [];
  readonly #marks: Map<string, Uint8Array>;
  #head: JournalHead;
  #anchor: JournalHead;
  #boot: number;
  #salt = 0;
  #disk: "works" | "stalled" | "broken" | "closed" = "works";
  /** What a broken disk does with the next append before it fails it. */
  #outcome: "lost" | "kept" = "lost";
  /** Rows by the body object they were handed in as: handed in again they are the same. */
  readonly #heads = new WeakMap<Uint8Array, JournalHead>();
  #onEvent: (event: JournalEvent) => void = () => undefined;
  #waiting: Waiting[] = [];

  constructor({ site = new Uint8Array(32), agent = "agent-1", boot = 1, marks = new Map() }: FakeJournalOptions = {}) {
    this.#boot = boot;
    this.#head = this.#anchor = { boot: 0, sequence: 0, chain: chainStart(site, agent) };
    this.#marks = new Map(marks);
  }

  /** What openJournal would have returned for the present boot. */
  opened(): OpenedJournal {
    return { journal: this, head: this.head, marks: new Map(this.#marks) };
  }

  /** As after a crash or a power cut: what still waited is lost, the next boot begins, the disk works again. */
  restart(): OpenedJournal {
    this.#rejectWaiting(new Error("the journal is closed"));
    this.#boot += 1;
    this.#disk = "works";
    return this.opened();
  }

  /** From now on nothing is answered until `resume`. */
  stall(): void {
    this.#disk = "stalled";
  }

  /** Does what has waited, oldest first. */
  resume(): void {
    if (this.#disk === "stalled") this.#disk = "works";
    for (const { work } of this.#waiting.splice(0)) work();
  }

  /**
   * From now on, and for all that waits, every request rejects until `mend`; "kept": appends reach the disk all the
   * same.
   */
  fail(message = "disk I/O error", outcome: "lost" | "kept" = "lost"): void {
    this.#disk = "broken";
    this.#outcome = outcome;
    this.#rejectWaiting(new Error(message));
  }

  mend(): void {
    this.#disk = "works";
  }

  /** As the storage guard or a salvage in mid-run tells it. */
  tell(event: JournalEvent): void {
    this.#onEvent(event);
  }

  get head(): JournalHead {
    return this.#head.boot === this.#boot ? this.#head : { boot: this.#boot, sequence: 0, chain: this.#head.chain };
  }

  /** Rows not acknowledged, oldest first. */
  get rows(): readonly UsageRow[] {
    return this.#rows.map(({ row }) => row);
  }

  get marks(): ReadonlyMap<string, Uint8Array> {
    return this.#marks;
  }

  append(bodies: readonly Uint8Array[], marks: MarkChanges = new Map()): Promise<JournalHead> {
    const taken = bodies.map((body) => ({ key: body, body: new Uint8Array(body) }));
    const work = () => {
      for (const { key, body } of taken) if (!this.#heads.has(key)) this.#heads.set(key, this.#add(body));
      for (const [name, value] of marks) {
        if (value) this.#marks.set(name, new Uint8Array(value));
        else this.#marks.delete(name);
      }
      return this.head;
    };
    if (this.#disk === "broken" && this.#outcome === "kept") work();
    return this.#serve(work);
  }

  rowsAfter(after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]> {
    return this.#serve(() => this.rows.filter((row) => !after || compare(row, after) > 0).slice(0, limit));
  }

  acknowledge(upTo: RowPosition, chain: Uint8Array): Promise<"dropped" | "mismatch"> {
    return this.#serve(() => {
      const order = compare(upTo, this.#anchor);
      if (order < 0) return "dropped";
      const at = this.#rows.findIndex(({ row }) => compare(row, upTo) === 0);
      const own = order === 0 ? this.#anchor.chain : this.#rows[at]?.chain;
      if (!own || !sameBytes(own, chain)) return "mismatch";
      this.#rows.splice(0, at + 1);
      this.#anchor = { boot: upTo.boot, sequence: upTo.sequence, chain: own };
      return "dropped";
    });
  }

  pendingCount(): Promise<number> {
    return this.#serve(() => this.#rows.length);
  }

  watch(onEvent: (event: JournalEvent) => void): void {
    this.#onEvent = onEvent;
  }

  close(): Promise<void> {
    return this.#serve(() => {
      this.#disk = "closed";
    });
  }

  #add(body: Uint8Array): JournalHead {
    const { boot, sequence, chain: previous } = this.head;
    // Counted instead of drawn, so that a test's rows are the same in every run.
    this.#salt += 1;
    const salt = new Uint8Array(16);
    new DataView(salt.buffer).setUint32(12, this.#salt);
    const row = { boot, sequence: sequence + 1, previous, salt, body };
    const chain = chainAfter(row, rowCommitment(row));
    this.#rows.push({ row, chain });
    this.#head = { boot, sequence: row.sequence, chain };
    return this.#head;
  }

  #serve<T>(work: () => T): Promise<T> {
    if (this.#disk === "broken") return Promise.reject(new Error("disk I/O error"));
    if (this.#disk === "closed") return Promise.reject(new Error("the journal is closed"));
    if (this.#disk === "works") return Promise.resolve(work());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work: () => resolve(work()), reject });
    });
  }

  #rejectWaiting(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function compare(a: RowPosition, b: RowPosition): number {
  return a.boot - b.boot || a.sequence - b.sequence;
}

/** A journal in memory whose disk a test can stall, break and mend. */
export function fakeJournal(options: FakeJournalOptions = {}): FakeJournal {
  return new FakeJournal(options);
}
