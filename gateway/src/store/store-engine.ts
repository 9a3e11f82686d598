import Database from "better-sqlite3";
import type { RowPosition } from "@badgekey/shared";
import type { StoreRequest, StoreResult } from "./store-protocol.js";
import { UsageRows } from "./usage-rows.js";

export type SqlValue = string | number | bigint | Uint8Array | null;

export interface QueryOutcome {
  readonly rows: readonly Record<string, unknown>[];
  readonly changes?: number;
  readonly insertId?: number;
}

export interface JournalPosition extends RowPosition {
  readonly chain: Uint8Array;
  readonly pending: number;
}

/** Statements kept prepared: kysely writes the same few texts again and again. */
const MOST_STATEMENTS = 200;

/** The one SQLite connection: opened, driven and closed here, synchronously; runs in the store's thread. */
export class StoreEngine {
  readonly #db: Database.Database;
  readonly #prepared = new Map<string, Database.Statement>();
  #usage: UsageRows | undefined;

  /** Opens or makes the file; ":memory:" for tests. Throws where another process holds it or the disk refuses. */
  constructor(path: string) {
    this.#db = new Database(path, { timeout: 500 });
    // A second gateway on the same data would sign the same version numbers over other bytes.
    this.#db.pragma("locking_mode = EXCLUSIVE");
    this.#db.pragma("journal_mode = WAL");
    this.#db.pragma("synchronous = FULL");
    this.#db.pragma("foreign_keys = ON");
    // Read back: a file system without shared memory silently keeps another mode, and NORMAL loses commits (SAFETY
    // R18).
    const mode: unknown = this.#db.pragma("journal_mode", { simple: true });
    const synchronous: unknown = this.#db.pragma("synchronous", { simple: true });
    if ((mode !== "wal" && path !== ":memory:") || synchronous !== 2) {
      this.#db.close();
      throw new Error(`${path}: SQLite offers journal_mode ${String(mode)}, synchronous ${String(synchronous)} here`);
    }
    this.#db.pragma("wal_autocheckpoint = 4000");
    this.#db.pragma("cache_size = -32768");
  }

  answer(request: StoreRequest): StoreResult {
    switch (request.kind) {
      case "query":
        return this.#query(request.sql, request.parameters);
      case "openUsage":
        // Follows the migrations: prepares the statements of the usage log.
        this.#usage = new UsageRows(this.#db, request.site);
        return undefined;
      case "commit":
        return this.#usageRows().commit(request.batch);
      case "head":
        return this.#usageRows().head(request.agent);
      case "settleGap":
        return this.#usageRows().settleGap(request.agent, request.journal, request.at);
      case "close":
        this.#db.close();
        return undefined;
    }
  }

  #query(sql: string, parameters: readonly SqlValue[]): QueryOutcome {
    const statement = this.#statement(sql);
    if (statement.reader) return { rows: statement.all(...parameters).map((row) => plainRow(row as object)) };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], changes, insertId: Number(lastInsertRowid) };
  }

  #usageRows(): UsageRows {
    if (!this.#usage) throw new Error("the usage log is not open yet");
    return this.#usage;
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#prepared.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      if (this.#prepared.size >= MOST_STATEMENTS) this.#prepared.delete(this.#prepared.keys().next().value as string);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

/** Buffers become plain byte arrays, as they do on the way between threads. */
function plainRow(row: object): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(row)) {
    plain[key] = Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value;
  }
  return plain;
}
