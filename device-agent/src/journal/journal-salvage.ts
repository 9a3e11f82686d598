import { existsSync, linkSync, readFileSync, renameSync, rmSync } from "node:fs";
import Database from "better-sqlite3";
import type { RowPosition } from "@badgekey/shared";
import type { JournalHead } from "../ports.js";
import { sameBytes } from "./journal-chain.js";
import {
  comparePositions,
  createTables,
  type HeldRow,
  keepRow,
  isDamage,
  isSoundRow,
  type JournalState,
  openDatabase,
  readMarks,
  readRows,
  readState,
  stateOf,
  syncDirectory,
  verifyFile,
  writeMark,
  writeState,
} from "./journal-file.js";
import { readLog } from "./journal-log.js";
import { scanRecords } from "./record-scan.js";

const building = (path: string) => `${path}.salvaging`;
const finished = (path: string) => `${path}.salvaged`;
const wal = (path: string) => `${path}-wal`;

/**
 * Saves what is sound in a damaged journal into a new file and moves the damaged one aside (SAFETY R20).
 * A power cut at any instant leaves the damaged file or the finished new one: the rename to `.salvaged` decides.
 */
export function salvageJournal(path: string, start: Uint8Array, reason: string, isLogDamaged: boolean): void {
  const movedTo = freeName(path);
  for (const side of ["", "-wal", "-shm"]) rmSync(building(path) + side, { force: true });
  const target = openDatabase(building(path));
  try {
    saveInto(target, path, { start, movedTo, reason, isLogDamaged });
    verifyFile(target);
  } finally {
    target.close();
  }
  for (const side of ["", "-wal"]) rmSync(movedTo + side, { force: true });
  linkSync(path, movedTo);
  if (existsSync(wal(path))) linkSync(wal(path), wal(movedTo));
  renameSync(building(path), finished(path));
  syncDirectory(path);
  finishSalvage(path);
}

/** Puts a finished salvage in its place; also the first thing at every open, for a power cut in between. */
export function finishSalvage(path: string): void {
  if (!existsSync(finished(path))) return;
  // First the log of the damaged file, for good: SQLite would play it into the new one.
  for (const side of ["-wal", "-shm"]) rmSync(path + side, { force: true });
  syncDirectory(path);
  renameSync(finished(path), path);
  syncDirectory(path);
}

/** A disk that rots goes on rotting: the first cases are kept, and the newest, so that they never fill it. */
const MOST_MOVED = 8;

function freeName(path: string): string {
  const names = Array.from({ length: MOST_MOVED }, (_, at) => `${path}.damaged-${at + 1}`);
  return names.find((name) => !existsSync(name)) ?? (names.at(-1) as string);
}

interface Damaged {
  readonly start: Uint8Array;
  readonly movedTo: string;
  readonly reason: string;
  /** Commits in the log were lost, nobody knows of what: what SQLite shows may be older than what was acknowledged. */
  readonly isLogDamaged: boolean;
}

function saveInto(target: Database.Database, path: string, { start, movedTo, reason, isLogDamaged }: Damaged): void {
  const nothing: JournalHead = { boot: 0, sequence: 0, chain: start };
  createTables(target, { start, boot: 0, head: nothing, anchor: nothing, salvage: undefined });
  const raw = [readFileSync(path), readLog(path) ?? new Uint8Array()].map((bytes) => new Uint8Array(bytes));
  const source = openForReading(path);
  const shown = source && readable(() => readState(source));
  target
    .transaction(() => {
      const old = newestState([...(shown ? [shown] : []), ...raw.flatMap((bytes) => [...scanStates(bytes, start)])]);
      // What was dropped after its acknowledgement may still lie in unused room.
      const floor = shown?.anchor ?? old?.anchor;
      if (source) saveRows(source, target);
      for (const bytes of raw)
        for (const row of scanRows(bytes)) if (!floor || isAfter(row, floor)) keepRow(target, row);
      const kept = markGaps(target, old);
      const marksLost = !source || !saveMarks(source, target) || isLogDamaged;
      const { rowsKept, rowsLost, lost, first, last } = kept;
      const salvage = { movedTo, rowsKept, rowsLost, ...(lost && { lost }), reason, marksLost };
      // The old head, where it can be read: the next row then shows the gateway that rows before it are missing.
      const head = newer(old?.head, last) ?? nothing;
      const anchor = rowsKept === 0 ? head : (floor ?? { boot: 0, sequence: 0, chain: first?.previous ?? start });
      writeState(target, { start, boot: Math.max(old?.boot ?? 0, head.boot), head, anchor, salvage });
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

/** Every sound row, from the front until a page cannot be read, then from the back down to where the front ended. */
function saveRows(source: Database.Database, target: Database.Database): void {
  const save = (row: HeldRow): void => {
    if (isSoundRow(row)) keepRow(target, row);
  };
  let front: HeldRow | undefined;
  const whole = eachReadable(readRows(source), (row) => {
    save(row);
    front = row;
    return true;
  });
  if (whole) return;
  eachReadable(readRows(source, "DESC"), (row) => {
    if (front && !isAfter(row, front)) return false;
    save(row);
    return true;
  });
}

function* scanRows(bytes: Uint8Array): Generator<HeldRow> {
  for (const [boot, sequence, previous, salt, body, chain, gap] of scanRecords(bytes)) {
    if (typeof boot !== "number" || typeof sequence !== "number" || !(previous instanceof Uint8Array)) continue;
    if (!(salt instanceof Uint8Array && body instanceof Uint8Array && chain instanceof Uint8Array)) continue;
    const row = { boot, sequence, previous, salt, body, chain, gap: gap !== 0 };
    if (isSoundRow(row)) yield row;
  }
}

function* scanStates(bytes: Uint8Array, start: Uint8Array): Generator<JournalState> {
  for (const columns of scanRecords(bytes)) {
    const state = columns[0] === null ? readable(() => stateOf(columns)) : undefined;
    if (state && sameBytes(state.start, start)) yield state;
  }
}

function newestState(states: readonly JournalState[]): JournalState | undefined {
  const order = (a: JournalState, b: JournalState) =>
    a.boot - b.boot || comparePositions(a.head, b.head) || comparePositions(a.anchor, b.anchor);
  return [...states].sort(order).at(-1);
}

function newer(head: JournalHead | undefined, last: HeldRow | undefined): JournalHead | undefined {
  if (!last || (head && !isAfter(last, head))) return head;
  return { boot: last.boot, sequence: last.sequence, chain: last.chain };
}

/** Says at each saved row whether the one before it is missing, and counts what is. */
function markGaps(target: Database.Database, old: JournalState | undefined) {
  let first: HeldRow | undefined;
  let last: HeldRow | undefined;
  let [rowsKept, rowsLost] = [0, 0];
  let lost: [number, number, number, number] | undefined;
  const lose = (before: RowPosition, next: RowPosition): void => {
    const isSameBoot = before.boot === next.boot;
    // Of an older boot's last rows nothing is known but that there was one.
    const count = isSameBoot ? next.sequence - before.sequence - 1 : Math.max(1, next.sequence - 1);
    rowsLost += count;
    const from = lost ?? [before.boot, before.sequence + 1];
    const to = next.sequence > 1 ? [next.boot, next.sequence - 1] : [before.boot, before.sequence + 1];
    lost = [from[0], from[1], to[0] as number, to[1] as number];
  };
  const wrong: HeldRow[] = [];
  for (const row of readRows(target)) {
    const before = last ?? old?.anchor;
    const isGap = before !== undefined && !sameBytes(row.previous, before.chain);
    if (row.gap !== isGap) wrong.push(row);
    if (before && isGap) lose(before, row);
    first ??= row;
    last = row;
    rowsKept += 1;
  }
  const end = last ?? old?.anchor;
  if (end && old && isAfter(old.head, end)) lose(end, { boot: old.head.boot, sequence: old.head.sequence + 1 });
  const setGap = target.prepare("UPDATE rows SET gap = ? WHERE boot = ? AND sequence = ?");
  for (const { boot, sequence, gap } of wrong) setGap.run(gap ? 0 : 1, boot, sequence);
  return { first, last, rowsKept, rowsLost, lost };
}

function isAfter(a: RowPosition, b: RowPosition): boolean {
  return comparePositions(a, b) > 0;
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

/**
 * Undefined where the damaged file cannot give it; any other failure, such as a full disk, must not pass for a loss.
 */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
