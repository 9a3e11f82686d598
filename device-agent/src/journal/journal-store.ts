import type Database from "better-sqlite3";
import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { JournalHead } from "../ports.js";
import { chainAfter, chainStart, rowCommitment, sameBytes } from "./journal-chain.js";
import {
  createTables,
  insertRow,
  isDamage,
  isFresh,
  JournalDamage,
  type JournalState,
  openDatabase,
  type OpenDatabase,
  verifyFile,
  writeMark,
  writeState,
} from "./journal-file.js";
import type { AppendPart, JournalSettings, SalvageReport } from "./journal-protocol.js";
import { finishSalvage, salvageJournal } from "./journal-salvage.js";

/** Commits between checkpoints: a few hundred pages, so that one never holds up the next append for long. */
const COMMITS_PER_CHECKPOINT = 64;

interface OpenFile {
  readonly db: Database.Database;
  readonly state: JournalState;
  readonly marks: ReadonlyMap<string, Uint8Array>;
}

/**
 * The journal itself, synchronous: only its thread may use it (SAFETY R8). Any error closes the file; it is opened and
 * verified again before anything else is read or written, and what failed is never retried (SAFETY R18).
 */
export class JournalStore {
  readonly marks: ReadonlyMap<string, Uint8Array>;
  readonly #settings: JournalSettings;
  readonly #open: OpenDatabase;
  #db: Database.Database | undefined;
  #state: JournalState;
  #pending = 0;
  #commits = 0;

  /** Opens, verifies and, where damage is found, salvages; then begins a new boot. `open` is for tests that need a failing disk. */
  constructor(settings: JournalSettings, open: OpenDatabase = openDatabase) {
    this.#settings = settings;
    this.#open = open;
    const { db, state, marks } = this.#openSound();
    // Boots only rise; where no older number can be read, the trusted floor in seconds is above all of them.
    const floor = state.boot === 0 || state.salvage ? Math.max(1, settings.bootFloor) : 1;
    this.#db = db;
    this.marks = marks;
    this.#state = state;
    this.#pending = this.#count(db);
    this.#commit(() => ({ result: undefined, next: { ...state, boot: Math.max(state.boot + 1, floor) } }));
  }

  /** The next row's place is one after this; sequence 0 until this boot has its first row. */
  get head(): JournalHead {
    const { boot, head } = this.#state;
    return head.boot === boot ? head : { boot, sequence: 0, chain: head.chain };
  }

  get salvage(): SalvageReport | undefined {
    return this.#state.salvage;
  }

  get pendingCount(): number {
    return this.#pending;
  }

  get checkpointDue(): boolean {
    return this.#commits >= COMMITS_PER_CHECKPOINT;
  }

  /**
   * All parts in one durable commit; the head after each part. A commit that failed, but is found on the disk when the
   * file is opened anew, is done: told as a failure, its records would be written a second time.
   */
  append(parts: readonly AppendPart[]): JournalHead[] {
    let added = 0;
    let heads: JournalHead[] = [];
    const write = (db: Database.Database) => {
      let head = this.head;
      let gap = this.#isTailLost(db);
      heads = parts.map((part) => {
        for (const { body, salt } of part.rows) {
          const row = { boot: head.boot, sequence: head.sequence + 1, previous: head.chain, salt, body };
          const chain = chainAfter(row, rowCommitment(row));
          insertRow(db, { ...row, chain, gap });
          head = { boot: row.boot, sequence: row.sequence, chain };
          gap = false;
          added += 1;
        }
        for (const [name, value] of part.marks) writeMark(db, name, value);
        return head;
      });
      return { result: undefined, next: added > 0 ? { ...this.#state, head, salvage: undefined } : this.#state };
    };
    try {
      this.#commit(write);
    } catch (error) {
      const last = heads.at(-1);
      if (added === 0 || !last || !sameBytes(last.chain, this.#state.head.chain)) throw error;
      // Opening anew has counted them already.
      return heads;
    }
    this.#pending += added;
    return heads;
  }

  rowsAfter(after: RowPosition | undefined, limit: number): UsageRow[] {
    return this.#guard((db) =>
      db
        .prepare<number[], UsageRow>(
          `SELECT boot, sequence, previous, salt, body FROM rows WHERE (boot, sequence) > (?, ?)
           ORDER BY boot, sequence LIMIT ?`,
        )
        .all(after?.boot ?? 0, after?.sequence ?? 0, limit)
        .map(({ boot, sequence, previous, salt, body }) => ({
          boot,
          sequence,
          previous: new Uint8Array(previous),
          salt: new Uint8Array(salt),
          body: new Uint8Array(body),
        })),
    );
  }

  /** As Journal.acknowledge. Below the last acknowledged row nothing is left to compare or to drop: a late repeat. */
  acknowledge(upTo: RowPosition, chain: Uint8Array): "dropped" | "mismatch" {
    const own = this.#guard((db) =>
      db
        .prepare<number[], Uint8Array>("SELECT chain FROM rows WHERE boot = ? AND sequence = ?")
        .pluck()
        .get(upTo.boot, upTo.sequence),
    );
    const { anchor } = this.#state;
    const order = comparePositions(upTo, anchor);
    if (order < 0) return "dropped";
    if (order === 0) return sameBytes(chain, anchor.chain) ? "dropped" : "mismatch";
    if (!own || !sameBytes(own, chain)) return "mismatch";
    const dropped = this.#commit((db) => {
      const gone = db
        .prepare("DELETE FROM rows WHERE (boot, sequence) <= (?, ?)")
        .run(upTo.boot, upTo.sequence).changes;
      const last = { boot: upTo.boot, sequence: upTo.sequence, chain: new Uint8Array(chain) };
      return { result: gone, next: { ...this.#state, anchor: last } };
    });
    this.#pending -= dropped;
    return "dropped";
  }

  /** Moves the log into the database file; outside of commits, so that no append waits for it. */
  checkpoint(): void {
    this.#guard((db) => db.pragma("wal_checkpoint(PASSIVE)"));
    this.#commits = 0;
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  /** True when the next row follows rows that a salvage could not keep. */
  #isTailLost(db: Database.Database): boolean {
    if (!this.#state.salvage) return false;
    const newest = "SELECT chain FROM rows ORDER BY boot DESC, sequence DESC LIMIT 1";
    const last = db.prepare<[], Uint8Array>(newest).pluck().get() ?? this.#state.anchor.chain;
    return !sameBytes(last, this.#state.head.chain);
  }

  #openSound(): OpenFile {
    finishSalvage(this.#settings.path);
    try {
      return this.#openFile();
    } catch (error) {
      if (!isDamage(error)) throw error;
      salvageJournal(this.#settings.path, this.#start, error instanceof Error ? error.message : String(error));
      return this.#openFile();
    }
  }

  get #start(): Uint8Array {
    return chainStart(this.#settings.site, this.#settings.agent);
  }

  #openFile(): OpenFile {
    const db = this.#open(this.#settings.path);
    try {
      if (isFresh(db)) {
        const nothing = { boot: 0, sequence: 0, chain: this.#start };
        createTables(db, { start: this.#start, boot: 0, head: nothing, anchor: nothing, salvage: undefined });
      }
      const { state, marks } = verifyFile(db);
      if (!sameBytes(state.start, this.#start)) {
        throw new Error(`the journal ${this.#settings.path} belongs to another site or agent: move it away`);
      }
      return { db, state, marks };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #count(db: Database.Database): number {
    return db.prepare<[], number>("SELECT count(*) FROM rows").pluck().get() ?? 0;
  }

  /** One transaction; `next` is written with it and becomes our state once it is durable, not before. */
  #commit<T>(work: (db: Database.Database) => { readonly result: T; readonly next: JournalState }): T {
    return this.#guard((db) => {
      db.exec("BEGIN IMMEDIATE");
      const { result, next } = work(db);
      if (next !== this.#state) writeState(db, next);
      db.exec("COMMIT");
      this.#state = next;
      this.#commits += 1;
      return result;
    });
  }

  #guard<T>(work: (db: Database.Database) => T): T {
    this.#db ??= this.#reopen();
    try {
      return work(this.#db);
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  /** At once, so that the next append need not wait for it; where it fails too, the next request tries and reports it. */
  #abandon(): void {
    this.close();
    try {
      this.#db = this.#reopen();
    } catch {
      this.#db = undefined;
    }
  }

  /** Takes what the disk really holds; damage found here is left for the next start to salvage. */
  #reopen(): Database.Database {
    const { db, state } = this.#openFile();
    try {
      if (state.boot !== this.#state.boot) throw new JournalDamage("the journal was replaced while it was in use");
      // Writes every page anew: after a failed fsync the log's own pages may never have reached the disk.
      db.pragma("wal_checkpoint(TRUNCATE)");
      this.#pending = this.#count(db);
      this.#state = state;
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }
}

function comparePositions(a: RowPosition, b: RowPosition): number {
  return a.boot - b.boot || a.sequence - b.sequence;
}
