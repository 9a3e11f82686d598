import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { JournalHead } from "../ports.js";
import { chainAfter, rowCommitment, sameBytes } from "./journal-chain.js";
import type { SalvageReport } from "./journal-protocol.js";

/**
 * The journal's SQLite file: how it is opened, what lies in it, whether it is sound. Runs in the journal's thread only.
 */

const FORMAT = 1;

const SCHEMA = `
  CREATE TABLE rows (
    boot INTEGER NOT NULL, sequence INTEGER NOT NULL, previous BLOB NOT NULL, salt BLOB NOT NULL, body BLOB NOT NULL,
    chain BLOB NOT NULL, gap INTEGER NOT NULL, PRIMARY KEY (boot, sequence)) STRICT, WITHOUT ROWID;
  CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, start BLOB NOT NULL, boot INTEGER NOT NULL,
    headBoot INTEGER NOT NULL, headSequence INTEGER NOT NULL, headChain BLOB NOT NULL,
    anchorBoot INTEGER NOT NULL, anchorSequence INTEGER NOT NULL, anchorChain BLOB NOT NULL,
    salvage TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
`;

/** What outlives the rows. `head`: the last row ever written; `anchor`: the last one dropped; both with their chain. */
export interface JournalState {
  readonly start: Uint8Array;
  readonly boot: number;
  readonly head: JournalHead;
  readonly anchor: JournalHead;
  /** Stands until the first append after a salvage, so that a restart in between reports it again. */
  readonly salvage: SalvageReport | undefined;
}

/** A row with its chain; `gap` says that the row before it was lost, so that its `previous` fits nothing we hold. */
export interface HeldRow extends UsageRow {
  readonly chain: Uint8Array;
  readonly gap: boolean;
}

/** The file is not what we wrote: the message says what does not fit. */
export class JournalDamage extends Error {
  override readonly name = "JournalDamage";
}

export type OpenDatabase = (path: string) => Database.Database;

/** True where a write found no room. */
export function isFull(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" && (code.startsWith("SQLITE_FULL") || code === "ENOSPC" || code === "EDQUOT");
}

/** Opens or creates the file, alone and durable (SAFETY R18). Throws when a pragma does not hold. */
export function openDatabase(path: string): Database.Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) {
    closeSync(openSync(path, "a", 0o600)); // SQLite gives its side files the mode of this one
    syncDirectory(path);
  }
  const db = new Database(path, { timeout: 1000 });
  try {
    requirePragma(db, "locking_mode", "exclusive"); // one writer: a second process is refused, not interleaved
    requirePragma(db, "journal_mode", "wal");
    requirePragma(db, "synchronous", 2); // FULL: NORMAL loses committed rows in a power cut
    db.pragma("wal_autocheckpoint = 0"); // a checkpoint inside a commit would eat the 250 ms of SAFETY R8
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function requirePragma(db: Database.Database, name: string, wanted: string | number): void {
  db.pragma(`${name} = ${wanted}`);
  const found = db.pragma(name, { simple: true });
  if (found !== wanted)
    throw new Error(`the journal needs ${name} = ${wanted}, but the file system gives ${String(found)}`);
}

/** Makes a created, renamed or removed name in the folder of `path` durable. */
export function syncDirectory(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

export function isFresh(db: Database.Database): boolean {
  return db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
}

/** Tables and the first state in one transaction, so that a power cut leaves a fresh file or a whole one. */
export function createTables(db: Database.Database, state: JournalState): void {
  db.transaction(() => {
    db.exec(SCHEMA);
    writeState(db, state);
  }).immediate();
}

export function writeState(db: Database.Database, state: JournalState): void {
  const columns = stateColumns(state);
  db.prepare("INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
    ...columns,
    digestOf(columns),
  );
}

export type StateColumn = number | string | Uint8Array | null;

function stateColumns({ start, boot, head, anchor, salvage }: JournalState): StateColumn[] {
  const heads = [head.boot, head.sequence, head.chain, anchor.boot, anchor.sequence, anchor.chain];
  return [FORMAT, start, boot, ...heads, salvage ? JSON.stringify(salvage) : ""];
}

/** Over type, length and content of each column: stays in this file, so its form is nobody else's. */
function digestOf(columns: readonly StateColumn[]): Uint8Array {
  const hash = createHash("sha256");
  for (const column of columns) {
    const bytes = typeof column === "object" ? Buffer.from(column ?? []) : Buffer.from(String(column));
    hash.update(`${typeof column} ${bytes.length} `).update(bytes);
  }
  return hash.digest();
}

/** Throws JournalDamage when the state is missing or was altered. */
export function readState(db: Database.Database): JournalState {
  const row = db.prepare("SELECT * FROM meta WHERE id = 1").raw().get() as StateColumn[] | undefined;
  if (!row) throw new JournalDamage("the journal's state is missing");
  return stateOf(row);
}

/** The state that stands in the columns of `meta`. Throws JournalDamage where they are not as they were written. */
export function stateOf(row: readonly StateColumn[]): JournalState {
  const columns = row.slice(1, -1).map(plain);
  if (!sameBytes(digestOf(columns), bytesOf(row.at(-1)))) {
    throw new JournalDamage("the journal's state was altered");
  }
  const [format, start, boot, headBoot, headSequence, headChain, ...rest] = columns;
  const [anchorBoot, anchorSequence, anchorChain, salvage] = rest;
  if (format !== FORMAT) throw new Error(`the journal has format ${String(format)}; this program reads ${FORMAT}`);
  return {
    start: start as Uint8Array,
    boot: boot as number,
    head: { boot: headBoot as number, sequence: headSequence as number, chain: headChain as Uint8Array },
    anchor: { boot: anchorBoot as number, sequence: anchorSequence as number, chain: anchorChain as Uint8Array },
    salvage: salvage === "" ? undefined : (JSON.parse(salvage as string) as SalvageReport),
  };
}

function plain(column: StateColumn): StateColumn {
  if (typeof column === "number") return Number.isSafeInteger(column) ? column : null;
  return typeof column === "string" ? column : bytesOf(column);
}

/** A bare copy of a Buffer, for the codecs of shared. Empty for what has rotted into another type. */
function bytesOf(column: unknown): Uint8Array {
  return column instanceof Uint8Array ? new Uint8Array(column) : new Uint8Array();
}

interface RowColumns {
  readonly boot: number;
  readonly sequence: number;
  readonly previous: Uint8Array;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  readonly chain: Uint8Array;
  readonly gap: number;
}

/** Rows from either end, one at a time: a journal of months does not fit the thread's memory. */
export function* readRows(db: Database.Database, order: "ASC" | "DESC" = "ASC"): Generator<HeldRow> {
  const rows = db.prepare<[], RowColumns>(`SELECT * FROM rows ORDER BY boot ${order}, sequence ${order}`).iterate();
  for (const { boot, sequence, previous, salt, body, chain, gap } of rows) {
    yield {
      boot,
      sequence,
      previous: bytesOf(previous),
      salt: bytesOf(salt),
      body: bytesOf(body),
      chain: bytesOf(chain),
      gap: gap !== 0,
    };
  }
}

/** A row that is there already stays as it is. */
export function keepRow(db: Database.Database, row: HeldRow): void {
  writeRow(db.prepare("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"), row);
}

export function insertRow(db: Database.Database, row: HeldRow): void {
  writeRow(db.prepare("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"), row);
}

function writeRow(statement: Database.Statement, row: HeldRow): void {
  const { boot, sequence, previous, salt, body, chain, gap } = row;
  statement.run(boot, sequence, previous, salt, body, chain, gap ? 1 : 0);
}

export function comparePositions(a: RowPosition, b: RowPosition): number {
  return a.boot - b.boot || a.sequence - b.sequence;
}

/** True when body, salt, position and previous are those the row was written with. */
export function isSoundRow(row: HeldRow): boolean {
  if (!isPosition(row.boot) || !isPosition(row.sequence)) return false;
  return sameBytes(chainAfter(row, rowCommitment(row)), row.chain);
}

function isPosition(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

export function writeMark(db: Database.Database, name: string, value: Uint8Array | null): void {
  if (value === null) db.prepare("DELETE FROM marks WHERE name = ?").run(name);
  else db.prepare("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)").run(name, value, digestOf([name, value]));
}

/** As SQLite keeps it. */
function expectedSchema(): string {
  return SCHEMA.split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "")
    .join(";\n");
}

interface MarkColumns {
  readonly name: unknown;
  readonly value: Uint8Array;
  readonly digest: Uint8Array;
}

/** Every mark, and whether it is as it was written. */
export function* readMarks(db: Database.Database): Generator<{ name: string; value: Uint8Array; sound: boolean }> {
  for (const column of db.prepare<[], MarkColumns>("SELECT name, value, digest FROM marks").iterate()) {
    const [name, value] = [String(column.name), bytesOf(column.value)];
    yield { name, value, sound: sameBytes(digestOf([name, value]), bytesOf(column.digest)) };
  }
}

/**
 * Walks everything in the file: pages, state, the chain from its anchor to its head, marks (SAFETY R20: SQLite alone
 * misses most single-bit rot). Throws JournalDamage on the first thing that does not fit.
 */
export function verifyFile(db: Database.Database): { state: JournalState; marks: Map<string, Uint8Array> } {
  const pages = db.pragma("quick_check(1)", { simple: true });
  if (pages !== "ok") throw new JournalDamage(`the database file is damaged: ${String(pages)}`);
  const schema = db.prepare<[], string>("SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY rowid").pluck().all();
  if (schema.join(";\n") !== expectedSchema()) throw new JournalDamage("the journal's schema was altered");
  const state = readState(db);
  let last = state.anchor;
  for (const row of readRows(db)) {
    const place = `row ${row.boot}.${row.sequence}`;
    if (!isSoundRow(row)) throw new JournalDamage(`${place} was altered`);
    if (!row.gap && !sameBytes(row.previous, last.chain)) throw new JournalDamage(`${place} does not follow its chain`);
    last = { boot: row.boot, sequence: row.sequence, chain: row.chain };
  }
  if (!state.salvage && !sameBytes(last.chain, state.head.chain))
    throw new JournalDamage("the newest rows are missing");
  const marks = new Map<string, Uint8Array>();
  for (const { name, value, sound } of readMarks(db)) {
    if (!sound) throw new JournalDamage(`mark "${name}" was altered`);
    marks.set(name, value);
  }
  return { state, marks };
}

const DAMAGE_CODES = ["SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ"];

/** True for what salvage can mend; anything else (locked, full, no permission) must reach a person. */
export function isDamage(error: unknown): boolean {
  if (error instanceof JournalDamage) return true;
  if (!(error instanceof Database.SqliteError)) return false;
  // A schema that rotted shows as a plain error: "no such table", "malformed database schema".
  return error.code === "SQLITE_ERROR" || DAMAGE_CODES.some((code) => error.code.startsWith(code));
}
