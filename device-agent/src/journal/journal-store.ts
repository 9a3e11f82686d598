import type Database from "better-sqlite3";
import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { JournalHead } from "../ports.js";
import { readBoots, writeBoots } from "./boots-file.js";
import { chainAfter, chainStart, rowCommitment, sameBytes } from "./journal-chain.js";
import {
  comparePositions,
  createTables,
  insertRow,
  isDamage,
  isFresh,
  JournalDamage,
  type JournalState,
  openDatabase,
  type OpenDatabase,
  readRows,
  verifyFile,
  writeMark,
  writeState,
} from "./journal-file.js";
import { findLogDamage } from "./journal-log.js";
import type { AppendPart, JournalSettings, SalvageReport } from "./journal-protocol.js";
import { finishSalvage, salvageJournal } from "./journal-salvage.js";

/** Commits between checkpoints: a few hundred pages, so that one never holds up the next append for long. */
const COMMITS_PER_CHECKPOINT = 64;

/** What opening a journal needs of JournalSettings. */
export type StoreSettings = Pick<JournalSettings, "path" | "site" | "agent" | "bootFloor" | "bootsFile" | "resume">;

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
  readonly #settings: StoreSettings;
  readonly #open: OpenDatabase;
  #db: Database.Database | undefined;
  #state: JournalState;
  /** Everything up to here has been answered for. */
  #settled: JournalHead;
  /** Rows on the disk behind that, by their salt: written by a commit of which nobody could say whether it was done. */
  #found: ReadonlyMap<string, JournalHead> = new Map();
  #pending = 0;
  #commits = 0;
  /**
   * False until the log's pages are in the database file: after a failed fsync they may never have reached the disk.
   */
  #isLogDurable = false;
  #needsSalvage = false;

  /**
   * Opens, verifies and, where damage is found, salvages; then begins a new boot, or goes on with the one it is to
   * resume. `open` is for tests that need a failing disk.
   */
  constructor(settings: StoreSettings, open: OpenDatabase = openDatabase) {
    this.#settings = settings;
    this.#open = open;
    const { db, state, marks } = this.#openSound();
    const { resume } = settings;
    this.#db = db;
    this.#state = state;
    this.#pending = this.#count(db);
    this.#settled = resume?.settled ?? state.head;
    this.#found = this.#findUnsettled(db);
    if (resume && state.boot === resume.settled.boot && !state.salvage) {
      this.marks = marks;
      this.#settled = this.head;
    } else {
      this.marks = resume?.marks ?? marks;
      try {
        this.#beginBoot();
      } catch (error) {
        this.close();
        throw error;
      }
    }
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

  /** Bytes that rows and all that belongs to them take in the file. */
  get bytes(): number {
    return this.#guard((db) => {
      const [pages, unused, size] = ["page_count", "freelist_count", "page_size"].map((name) =>
        Number(db.pragma(name, { simple: true })),
      ) as [number, number, number];
      return (pages - unused) * size;
    });
  }

  /** The file was found damaged while in use: a new store is to be opened, which salvages it. */
  get needsSalvage(): boolean {
    return this.#needsSalvage;
  }

  get checkpointDue(): boolean {
    return this.#commits >= COMMITS_PER_CHECKPOINT;
  }

  /**
   * All parts in one durable commit; the head after each part. Rows that a commit of unknown outcome has brought to the
   * disk are told by their salt and not written a second time. A commit that failed, but is found on the disk when the
   * file is opened anew, is done.
   */
  append(parts: readonly AppendPart[]): JournalHead[] {
    let heads: JournalHead[] = [];
    let added = 0;
    const write = (db: Database.Database) => {
      let next = this.head;
      let gap = this.#isTailLost(db);
      added = 0;
      heads = parts.map(({ rows, marks }) => {
        let head = next;
        for (const { body, salt } of rows) {
          const found = this.#found.get(saltKey(salt));
          if (found) {
            head = found;
            continue;
          }
          const row = { boot: next.boot, sequence: next.sequence + 1, previous: next.chain, salt, body };
          const chain = chainAfter(row, rowCommitment(row));
          insertRow(db, { ...row, chain, gap });
          head = next = { boot: row.boot, sequence: row.sequence, chain };
          gap = false;
          added += 1;
        }
        for (const [name, value] of marks) writeMark(db, name, value);
        return head;
      });
      return { result: undefined, next: added > 0 ? { ...this.#state, head: next, salvage: undefined } : this.#state };
    };
    try {
      this.#commit(write);
      this.#pending += added;
    } catch (error) {
      const rows = parts.flatMap((part) => part.rows);
      if (!this.#db || rows.length === 0 || !rows.every(({ salt }) => this.#found.has(saltKey(salt)))) throw error;
      // Opening anew has counted them already.
    }
    this.#settled = this.head;
    this.#found = new Map();
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
    const { path } = this.#settings;
    finishSalvage(path);
    const logDamage = findLogDamage(path);
    try {
      if (logDamage !== undefined) throw new JournalDamage(logDamage);
      return this.#openFile();
    } catch (error) {
      if (!isDamage(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      salvageJournal(path, this.#start, reason, logDamage !== undefined);
      return this.#openFile();
    }
  }

  /** Boots only rise: above every number that can still be read, and where one may be lost, above the trusted floor. */
  #beginBoot(): void {
    const { bootsFile, bootFloor, resume } = this.#settings;
    const kept = bootsFile === undefined ? undefined : readBoots(bootsFile);
    const isMissing = this.#state.boot === 0 && kept !== undefined && !this.#state.salvage;
    const salvage: SalvageReport | undefined = isMissing
      ? { movedTo: "", rowsKept: 0, rowsLost: 0, reason: "the journal is missing", marksLost: true }
      : this.#state.salvage && { ...this.#state.salvage, marksLost: this.#state.salvage.marksLost && !resume };
    const floor = this.#state.boot === 0 || salvage ? bootFloor : 1;
    const newest = Math.max(this.#state.boot, kept ?? 0, resume?.settled.boot ?? 0);
    const boot = Math.max(newest + 1, floor);
    // Before any row of it can be: a number that nobody used is no loss.
    if (bootsFile !== undefined) writeBoots(bootsFile, boot);
    this.#commit((db) => {
      if (resume) {
        db.exec("DELETE FROM marks");
        for (const [name, value] of resume.marks) writeMark(db, name, value);
      }
      return { result: undefined, next: { ...this.#state, boot, salvage } };
    });
  }

  /** Rows behind what was answered for. */
  #findUnsettled(db: Database.Database): ReadonlyMap<string, JournalHead> {
    const found = new Map<string, JournalHead>();
    if (comparePositions(this.#state.head, this.#settled) <= 0) return found;
    for (const row of readRows(db, "DESC")) {
      if (comparePositions(row, this.#settled) <= 0) break;
      found.set(saltKey(row.salt), { boot: row.boot, sequence: row.sequence, chain: row.chain });
    }
    return found;
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
      if (!this.#isLogDurable) this.#writeLogAnew(db);
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

  /**
   * At once, so that the next append need not wait for it; where it fails too, the next request tries and reports it.
   */
  #abandon(): void {
    this.close();
    try {
      this.#db = this.#reopen();
    } catch {
      this.#db = undefined;
    }
  }

  /** Takes what the disk really holds; damage found here is left for a new store to salvage. */
  #reopen(): Database.Database {
    try {
      const logDamage = findLogDamage(this.#settings.path);
      if (logDamage !== undefined) throw new JournalDamage(logDamage);
      const { db, state } = this.#openFile();
      try {
        if (state.boot !== this.#state.boot) throw new JournalDamage("the journal was replaced while it was in use");
        this.#pending = this.#count(db);
        this.#state = state;
        this.#found = this.#findUnsettled(db);
        this.#isLogDurable = false;
        return db;
      } catch (error) {
        db.close();
        throw error;
      }
    } catch (error) {
      this.#needsSalvage ||= isDamage(error);
      throw error;
    }
  }

  #writeLogAnew(db: Database.Database): void {
    db.pragma("wal_checkpoint(TRUNCATE)");
    this.#isLogDurable = true;
  }
}

function saltKey(salt: Uint8Array): string {
  return Buffer.from(salt).toString("latin1");
}
