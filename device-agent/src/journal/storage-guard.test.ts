import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StorageGuard } from "./storage-guard.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-guard-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MB = 1024 * 1024;

/** A disk of 1,000 MB of which so much is free. */
function guardOn(disk: { freeMb: number }) {
  const statfs = () => ({ bavail: disk.freeMb, blocks: 1_000, bsize: MB });
  return new StorageGuard(join(folder, "journal.db"), 65_536, statfs);
}

test("R19: warns below 10 % free, is full below 16 MB or 2 %, and comes back", () => {
  const disk = { freeMb: 500 };
  const guard = guardOn(disk);
  const states = [500, 101, 99, 17, 15, 3, 17, 400].map((freeMb) => {
    disk.freeMb = freeMb;
    return guard.look(7).state;
  });
  expect(states).toEqual(["ample", "ample", "low", "low", "full", "full", "low", "ample"]);
  expect(guard.look(7)).toEqual({ freeBytes: 400 * MB, totalBytes: 1_000 * MB, journalBytes: 7, state: "ample" });
});

test("R19: the ballast is given back once, and set aside again when there is room", () => {
  const disk = { freeMb: 500 };
  const guard = guardOn(disk);
  expect(guard.release()).toBe(false);
  guard.look(0);
  expect(existsSync(join(folder, "journal.db.ballast"))).toBe(true);
  disk.freeMb = 1;
  expect([guard.release(), guard.release()]).toEqual([true, false]);
  expect(guard.look(0).state).toBe("full");
  // Room for less than ballast and reserve: still full, although records would fit.
  disk.freeMb = 16;
  expect(guard.look(0).state).toBe("full");
  disk.freeMb = 17;
  expect(guard.look(0).state).toBe("low");
  expect(existsSync(join(folder, "journal.db.ballast"))).toBe(true);
});

test("R19: a disk that does not take the ballast is full, whatever it says is free", () => {
  const guard = new StorageGuard(join(folder, "gone", "journal.db"), 65_536, () => ({
    bavail: 9,
    blocks: 10,
    bsize: MB,
  }));
  expect(guard.look(0).state).toBe("full");
});
