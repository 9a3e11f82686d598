import type { Instant } from "@badgekey/shared";
import { type LogEntry, entryOf } from "./log.js";
import type { NewRow } from "./ports.js";

export interface LiveLogDeps {
  readonly isWatched: () => boolean;
  readonly announce: (entry: LogEntry) => void;
  /** The name of the person behind a pseudonym, or null. */
  readonly nameOf: (pseudonym: string) => Promise<string | null>;
}

/** Rows that wait to be shown; when records come faster than names are found, the log itself holds the rest. */
const MOST_WAITING = 256;
const MOST_NAMES = 2_000;

/**
 * Shows records as they arrive to whoever watches. It never holds up anything: what it cannot keep up with is not
 * shown.
 */
export class LiveLog {
  readonly #deps: LiveLogDeps;
  /** A pseudonym belongs to one badge, and a badge to one person, for ever. */
  readonly #names = new Map<string, string | null>();
  #waiting: { readonly row: NewRow; readonly receivedAt: Instant }[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: LiveLogDeps) {
    this.#deps = deps;
  }

  /** How many more rows are of use: none while nobody watches. */
  get room(): number {
    return this.#deps.isWatched() ? MOST_WAITING - this.#waiting.length : 0;
  }

  /** Resolves when these rows are shown or dropped; rejects where a name could not be looked up. */
  async show(rows: readonly NewRow[], receivedAt: Instant): Promise<void> {
    if (!this.#deps.isWatched()) return;
    for (const row of rows) if (this.#waiting.length < MOST_WAITING) this.#waiting.push({ row, receivedAt });
    this.#running ??= this.#run();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Never within the caller's turn: a commit is acknowledged before it is shown.
    await Promise.resolve();
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        const { agent, boot, sequence, record } = next.row;
        const personName = record.holder === undefined ? null : await this.#name(record.holder);
        this.#deps.announce(entryOf({ agent, boot, sequence, receivedAt: next.receivedAt, personName }, record));
      }
    } finally {
      this.#waiting = [];
      this.#running = undefined;
    }
  }

  async #name(pseudonym: string): Promise<string | null> {
    const known = this.#names.get(pseudonym);
    if (known !== undefined) return known;
    const name = await this.#deps.nameOf(pseudonym);
    if (this.#names.size >= MOST_NAMES) this.#names.clear();
    this.#names.set(pseudonym, name);
    return name;
  }
}
