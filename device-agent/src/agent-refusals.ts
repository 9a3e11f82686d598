import { encodeUsageRecord } from "@badgekey/shared";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import type { JournalStorage } from "./ports.js";

interface Merged {
  readonly record: InterlockRecord;
  readonly untilMs: number;
  count: number;
}

const WINDOW_MS = 60_000;
const COUNTER_MS = 3_600_000;
const MOST_KEYS = 256;
/** SAFETY R19: so much room merged facts may take in a journal that cannot be sent; beyond it they are counted. */
export const MOST_REFUSAL_BYTES = 64 * 1024 * 1024;
/** Position, chain, salt and the row's own heads beside its body. */
const ROW_BYTES = 120;
/** Instant, clock, machine and uptime, which the record gets later. */
const STAMP_BYTES = 60;
/** Enough for every code there is; what comes beyond is counted together. */
const MOST_COUNTERS = 64;

/**
 * Merges facts that can come in floods: the first is recorded at once, equal ones of the following minute become one
 * record with a count. Once they take 64 MiB that nobody fetches, or the disk is full, only one counter for each code
 * is left, recorded once an hour (SAFETY R19). Sessions, faults and what staff do never go through here.
 */
export class RepeatedFacts {
  readonly #windows = new Map<string, Merged>();
  readonly #counters = new Map<string, Merged>();
  #bytes = 0;
  #isFull = false;

  /**
   * Told how the journal stands. What rows take bounds what merged facts can take, also those of earlier runs; on a
   * full disk nothing is recorded here until there is room.
   */
  storageChanged({ journalBytes, state }: Pick<JournalStorage, "journalBytes" | "state">, isFirst = false): void {
    this.#bytes = isFirst ? journalBytes : Math.min(this.#bytes, journalBytes);
    this.#isFull = state === "full";
  }

  /** The record to write now, if any. Facts with the same key are equal. */
  note(key: string, record: InterlockRecord, atMs: number): readonly InterlockRecord[] {
    const due = this.due(atMs);
    const open = this.#windows.get(key);
    if (open) {
      open.count += 1;
      return due;
    }
    if (this.#isFull || this.#bytes >= MOST_REFUSAL_BYTES) {
      this.#count(record, 1, atMs);
      return due;
    }
    const oldest = this.#windows.keys().next().value;
    const pushedOut = this.#windows.size >= MOST_KEYS && oldest !== undefined ? this.#close(oldest) : [];
    this.#windows.set(key, { record, untilMs: atMs + WINDOW_MS, count: 0 });
    return [...due, ...this.#spend([...pushedOut, record])];
  }

  /** Counts of windows and counters that are over. */
  due(atMs: number): readonly InterlockRecord[] {
    const over = [...this.#windows].filter(([, { untilMs }]) => atMs >= untilMs);
    const records = over.flatMap(([key]) => this.#close(key));
    if (this.#isFull) {
      for (const record of records) this.#count(record, record.count ?? 1, atMs);
      return [];
    }
    const counted = [...this.#counters].filter(([, { untilMs }]) => atMs >= untilMs);
    return this.#spend([...records, ...counted.flatMap(([code]) => this.#closeCounter(code))]);
  }

  /** Counts of all windows and counters, at the end. */
  flush(): readonly InterlockRecord[] {
    const windows = [...this.#windows.keys()].flatMap((key) => this.#close(key));
    return [...windows, ...[...this.#counters.keys()].flatMap((code) => this.#closeCounter(code))];
  }

  #close(key: string): readonly InterlockRecord[] {
    const merged = this.#windows.get(key);
    this.#windows.delete(key);
    return merged && merged.count > 0 ? [{ ...merged.record, count: merged.count }] : [];
  }

  /** A counter tells what was refused and how often, of whom no more. */
  #count({ kind, code, reason }: InterlockRecord, count: number, atMs: number): void {
    const name = `${kind} ${code ?? reason ?? ""}`;
    const key = this.#counters.has(name) || this.#counters.size < MOST_COUNTERS ? name : kind;
    const counter = this.#counters.get(key);
    if (counter) {
      counter.count += count;
      return;
    }
    const record = { kind, ...(key === name && code !== undefined && { code }) };
    this.#counters.set(key, { record, untilMs: atMs + COUNTER_MS, count });
  }

  #closeCounter(key: string): readonly InterlockRecord[] {
    const counter = this.#counters.get(key);
    this.#counters.delete(key);
    return counter ? [{ ...counter.record, count: counter.count }] : [];
  }

  #spend(records: readonly InterlockRecord[]): readonly InterlockRecord[] {
    for (const record of records) this.#bytes += sizeOf(record);
    return records;
  }
}

function sizeOf(record: InterlockRecord): number {
  return (
    encodeUsageRecord({ ...record, at: 0, clock: "untrusted", machine: "", upMs: 0 }).length + STAMP_BYTES + ROW_BYTES
  );
}

/** What stands in the log where stored data was found damaged: what was lost, where that is known (SAFETY R20). */
export function gapRecord(damage: {
  readonly reason: string;
  readonly rowsLost?: number;
  readonly lost?: readonly [number, number, number, number];
}): InterlockRecord {
  const { reason, rowsLost = 0, lost } = damage;
  return {
    kind: "gap",
    reason: `journal: ${reason}`.slice(0, 256),
    ...(rowsLost > 0 && { count: rowsLost }),
    ...(lost && { lost }),
  };
}
