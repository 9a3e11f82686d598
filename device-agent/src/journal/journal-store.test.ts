import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "./journal-file.js";
import { JournalStore } from "./journal-store.js";

const part = (n: number) => ({ rows: [{ body: new Uint8Array([n]), salt: new Uint8Array(16) }], marks: [] });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A disk whose next commits fail as told, before or after they reached it. */
function failingDisk() {
  const disk = { commit: "works" as "works" | "lost" | "kept", opens: "works" as "works" | "fails", opened: 0 };
  const open = (path: string): Database.Database => {
    disk.opened += 1;
    if (disk.opens === "fails") throw new Database.SqliteError("unable to open database file", "SQLITE_CANTOPEN");
    const db = openDatabase(path);
    const exec = db.exec.bind(db);
    db.exec = (sql: string) => {
      if (sql !== "COMMIT" || disk.commit === "works") return exec(sql);
      if (disk.commit === "kept") exec(sql);
      throw new Database.SqliteError("disk I/O error", "SQLITE_IOERR_FSYNC");
    };
    return db;
  };
  return { disk, open };
}

function openStore(open?: (path: string) => Database.Database): JournalStore {
  const settings = { path: join(folder, "journal.db"), site: new Uint8Array(32), agent: "saw", bootFloor: 0 };
  return open ? new JournalStore(settings, open) : new JournalStore(settings);
}

test("R18: after a failed fsync the file is opened and verified anew, and the commit is not retried", () => {
  const { disk, open } = failingDisk();
  const store = openStore(open);
  store.append([part(1)]);
  disk.commit = "lost";
  expect(() => store.append([part(2)])).toThrow("disk I/O error");
  expect(disk.opened).toBe(2);
  expect(store.pendingCount).toBe(1);
  disk.commit = "works";
  expect(store.append([part(3)])[0]).toMatchObject({ boot: 1, sequence: 2 });
  expect(store.rowsAfter(undefined, 10).map((row) => row.body[0])).toEqual([1, 3]);
  store.close();
  const again = openStore();
  expect(again.salvage).toBeUndefined();
  expect(again.rowsAfter(undefined, 10)).toHaveLength(2);
  again.close();
});

test("R18: a commit that failed but reached the disk is taken as what the disk holds", () => {
  const { disk, open } = failingDisk();
  const store = openStore(open);
  disk.commit = "kept";
  expect(store.append([part(1), part(2)]).map(({ sequence }) => sequence)).toEqual([1, 2]);
  expect(disk.opened).toBe(2);
  disk.commit = "works";
  expect(store.append([part(3)])[0]).toMatchObject({ boot: 1, sequence: 3 });
  expect(store.rowsAfter(undefined, 10).map((row) => row.body[0])).toEqual([1, 2, 3]);
  expect(store.pendingCount).toBe(3);
  store.close();
});

test("R18: while the file cannot be opened every request says so, and afterwards work goes on", () => {
  const { disk, open } = failingDisk();
  const store = openStore(open);
  disk.commit = "lost";
  disk.opens = "fails";
  expect(() => store.append([part(1)])).toThrow("disk I/O error");
  expect(() => store.append([part(2)])).toThrow("unable to open database file");
  expect(() => store.rowsAfter(undefined, 1)).toThrow("unable to open database file");
  disk.commit = "works";
  disk.opens = "works";
  expect(store.append([part(3)])[0]).toMatchObject({ boot: 1, sequence: 1 });
  store.close();
});

test("a failed acknowledgement drops nothing", () => {
  const { disk, open } = failingDisk();
  const store = openStore(open);
  const [head] = store.append([part(1)]);
  if (!head) throw new Error("no head");
  disk.commit = "lost";
  expect(() => store.acknowledge(head, head.chain)).toThrow("disk I/O error");
  disk.commit = "works";
  expect(store.pendingCount).toBe(1);
  expect(store.acknowledge(head, head.chain)).toBe("dropped");
  expect(store.pendingCount).toBe(0);
  store.close();
});

test("a checkpoint becomes due and empties the log", () => {
  const store = openStore();
  for (let n = 0; n < 70; n++) store.append([part(n)]);
  expect(store.checkpointDue).toBe(true);
  store.checkpoint();
  expect(store.checkpointDue).toBe(false);
  expect(store.pendingCount).toBe(70);
  store.close();
});

test("R20: whatever bytes rot, the journal opens and gives out only rows that were written", () => {
  const marks = [["lockout", new Uint8Array([1, 2, 3])]] as const;
  const store = openStore();
  for (let n = 0; n < 40; n++) store.append([{ ...part(n), marks: n === 20 ? marks : [] }]);
  const written = new Set(store.rowsAfter(undefined, 100).map((row) => JSON.stringify(row)));
  store.close();
  const path = join(folder, "journal.db");
  const whole = readFileSync(path);
  const counts = { sound: 0, salvaged: 0, rowsKept: 0, marksLost: 0 };
  let seed = 1;
  const below = (most: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % most;
  };
  for (let round = 0; round < 200; round++) {
    const rotten = Buffer.from(whole);
    const flips = round % 3 === 0 ? 400 : 1 + (round % 3);
    for (let flip = 0; flip < flips; flip++) {
      const at = below(rotten.length);
      rotten[at] = (rotten[at] as number) ^ (1 << below(8));
    }
    for (const side of ["-wal", "-shm", ".damaged-1", ".damaged-1-wal"]) rmSync(path + side, { force: true });
    writeFileSync(path, rotten);
    const opened = openStore();
    const rows = opened.rowsAfter(undefined, 100);
    for (const row of rows) expect(written).toContain(JSON.stringify(row));
    const lockout = opened.marks.get("lockout");
    if (opened.salvage) {
      counts.salvaged += 1;
      expect(opened.salvage.rowsKept).toBe(rows.length);
      counts.rowsKept += rows.length;
      counts.marksLost += opened.salvage.marksLost ? 1 : 0;
    } else {
      counts.sound += 1;
      expect(rows).toHaveLength(40);
    }
    // A lost mark is never passed off as one that was not set (SAFETY R5).
    expect(lockout ? [...lockout] : opened.salvage?.marksLost).toEqual(lockout ? [1, 2, 3] : true);
    const [head] = opened.append([part(99)]);
    expect(head).toMatchObject({ sequence: 1 });
    opened.close();
  }
  console.log("rot:", JSON.stringify(counts));
  expect(counts.salvaged).toBeGreaterThan(60);
  expect(counts.sound).toBeGreaterThan(10);
});
