import type { InterlockRecord } from "./interlock/interlock-event.js";

interface Merged {
  readonly record: InterlockRecord;
  readonly untilMs: number;
  count: number;
}

const WINDOW_MS = 60_000;
const MOST_KEYS = 256;

/**
 * Merges facts that can come in floods: the first is recorded at once, equal ones of the following minute become one
 * record with a count (SAFETY R19). Sessions, faults and what staff do never go through here.
 */
export class RepeatedFacts {
  readonly #windows = new Map<string, Merged>();

  /** The record to write now, if any. Facts with the same key are equal. */
  note(key: string, record: InterlockRecord, atMs: number): readonly InterlockRecord[] {
    const due = this.due(atMs);
    const open = this.#windows.get(key);
    if (open) {
      open.count += 1;
      return due;
    }
    const oldest = this.#windows.keys().next().value;
    const pushedOut = this.#windows.size >= MOST_KEYS && oldest !== undefined ? this.#close(oldest) : [];
    this.#windows.set(key, { record, untilMs: atMs + WINDOW_MS, count: 0 });
    return [...due, ...pushedOut, record];
  }

  /** Counts of windows that are over. */
  due(atMs: number): readonly InterlockRecord[] {
    const over = [...this.#windows].filter(([, { untilMs }]) => atMs >= untilMs);
    return over.flatMap(([key]) => this.#close(key));
  }

  /** Counts of all windows, at the end. */
  flush(): readonly InterlockRecord[] {
    return [...this.#windows.keys()].flatMap((key) => this.#close(key));
  }

  #close(key: string): readonly InterlockRecord[] {
    const merged = this.#windows.get(key);
    this.#windows.delete(key);
    return merged && merged.count > 0 ? [{ ...merged.record, count: merged.count }] : [];
  }
}
