import { existsSync, linkSync, renameSync, rmSync } from "node:fs";
import Database from "better-sqlite3";
import type { JournalHead } from "../ports.js";
import { sameBytes } from "./journal-chain.js";
import {
  createTables,
  type HeldRow,
  insertRow,
  isDamage,
  isSoundRow,
  type JournalState,
  openDatabase,
  readMarks,
  readRows,
  readState,
  syncDirectory,
  verifyFile,
  writeMark,
  writeState,
} from "./journal-file.js";
import type { SalvageReport } from "./journal-protocol.js";

const building = (path: string) => `${path}.salvaging`;
const finished = (path: string) => `${path}.salvaged`;
const wal = (path: string) => `${path}-wal`;

/**
 * Saves what is sound in a damaged journal into a new file and moves the damaged one aside (SAFETY R20).
 * A power cut at any instant leaves the damaged file or the finished new one: the rename to `.salvaged` decides.
 */
export function salvageJournal(path: string, start: Uint8Array, reason: string): void {
  const movedTo = freeName(path);
  for (const side of ["", "-wal", "-shm"]) rmSync(building(path) + side, { force: true });
  const target = openDatabase(building(path));
  try {
    saveInto(target, path, { start, movedTo, reason });
    verifyFile(target);
  } finally {
    target.close();
  }
  linkSync(path, movedTo);
  if (existsSync(wal(path))) linkSync(wal(path), wal(movedTo));
  renameSync(building(path), finished(path));
  syncDirectory(path);
  finishSalvage(path);
}

/** Puts a finished salvage in its place; also the first thing at every open, for a power cut in between. */
export function finishSalvage(path: string): void {
  if (!existsSync(finished(path))) return;
  // First the log of the damaged file: SQLite would play it into the new one.
  for (const side of ["-wal", "-shm"]) rmSync(path + side, { force: true });
  renameSync(finished(path), path);
  syncDirectory(path);
}

function freeName(path: string): string {
  for (let n = 1; ; n++) if (!existsSync(`${path}.damaged-${n}`)) return `${path}.damaged-${n}`;
}

function saveInto(
  target: Database.Database,
  path: string,
  { start, movedTo, reason }: { start: Uint8Array; movedTo: string; reason: string },
): void {
  const source = openForReading(path);
  const old = source && readable(() => readState(source));
  const nothing: JournalHead = { boot: 0, sequence: 0, chain: start };
  const empty: JournalState = { start, boot: 0, head: nothing, anchor: nothing, salvage: undefined };
  createTables(target, empty);
  target
    .transaction(() => {
      const { last, first, kept, lost } = source ? saveRows(source, target, old?.anchor) : noRows;
      const marksLost = !source || !saveMarks(source, target);
      const salvage: SalvageReport = { movedTo, rowsKept: kept, rowsLost: lost, reason, marksLost };
      // The old head, where it can be read: the next row then shows the gateway that rows before it are missing.
      const head = old?.head ?? last ?? nothing;
      const anchor = kept === 0 ? head : (old?.anchor ?? { boot: 0, sequence: 0, chain: first?.previous ?? start });
      writeState(target, { start, boot: Math.max(old?.boot ?? 0, last?.boot ?? 0), head, anchor, salvage });
    })
    .immediate();
  source?.close();
}

function openForReading(path: string): Database.Database | undefined {
  return readable(() => {
    const db = new Database(path, { readonly: true });
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return db;
  });
}

const noRows = { last: undefined, first: undefined, kept: 0, lost: 0 };

/** Every sound row, from the front until a page cannot be read, then from the back down to where the front ended. */
function saveRows(source: Database.Database, target: Database.Database, anchor: JournalHead | undefined) {
  let [kept, lost] = [0, 0];
  const save = (row: HeldRow): void => {
    if (!isSoundRow(row)) lost += 1;
    else {
      insertRow(target, row);
      kept += 1;
    }
  };
  let front: HeldRow | undefined;
  const whole = eachReadable(readRows(source), (row) => {
    save(row);
    front = row;
    return true;
  });
  if (!whole) {
    eachReadable(readRows(source, "DESC"), (row) => {
      if (front && !isAfter(row, front)) return false;
      save(row);
      return true;
    });
  }
  return { ...markGaps(target, anchor), kept, lost };
}

/** Says at each saved row whether the one before it is missing; resolves to the ends of what was saved. */
function markGaps(target: Database.Database, anchor: JournalHead | undefined) {
  let first: HeldRow | undefined;
  let last: HeldRow | undefined;
  const wrong: HeldRow[] = [];
  for (const row of readRows(target)) {
    const before = last?.chain ?? anchor?.chain ?? row.previous;
    if (row.gap === sameBytes(row.previous, before)) wrong.push(row);
    first ??= row;
    last = row;
  }
  const setGap = target.prepare("UPDATE rows SET gap = ? WHERE boot = ? AND sequence = ?");
  for (const { boot, sequence, gap } of wrong) setGap.run(gap ? 0 : 1, boot, sequence);
  return { first, last };
}

function isAfter(a: HeldRow, b: HeldRow): boolean {
  return a.boot > b.boot || (a.boot === b.boot && a.sequence > b.sequence);
}

/** True when all marks were there and sound. */
function saveMarks(source: Database.Database, target: Database.Database): boolean {
  let damaged = 0;
  const all = eachReadable(readMarks(source), ({ name, value, sound }) => {
    if (sound) writeMark(target, name, value);
    else damaged += 1;
    return true;
  });
  return all && damaged === 0;
}

/** Visits items until the file cannot give the next (then false) or `visit` has enough. Only the reading may fail. */
function eachReadable<T>(items: Generator<T>, visit: (item: T) => boolean): boolean {
  for (;;) {
    const step = readable(() => items.next());
    if (!step) return false;
    if (step.done) return true;
    if (!visit(step.value)) {
      items.return(undefined);
      return true;
    }
  }
}

/** Undefined where the damaged file cannot give it; any other failure, such as a full disk, must not pass for a loss. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
