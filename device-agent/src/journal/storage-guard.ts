import {
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  type StatsFs,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { JournalStorage } from "../ports.js";
import { syncDirectory } from "./journal-file.js";

const MOST_RESERVE_BYTES = 16 * 1024 * 1024;
const BLOCK_BYTES = 65_536;

type StatFs = (folder: string) => Pick<StatsFs, "bavail" | "blocks" | "bsize">;

/**
 * Watches the room beside the journal and keeps a ballast file in it (SAFETY R19): when the disk is full its room is
 * given back, so that a running session's end can still be recorded. Synchronous: for the journal's thread only.
 */
export class StorageGuard {
  readonly #path: string;
  readonly #ballastBytes: number;
  readonly #statfs: StatFs;

  constructor(journal: string, ballastBytes: number, statfs: StatFs = statfsSync) {
    this.#path = `${journal}.ballast`;
    this.#ballastBytes = ballastBytes;
    this.#statfs = statfs;
  }

  /**
   * Measures, and sets the ballast aside where it is missing and there is room. `full`: the ballast is used up or
   * cannot be set aside, or less is left than 2 % of the disk or 16 MiB, whichever is less. `low`: less than 10 %.
   */
  look(journalBytes: number): JournalStorage {
    const { bavail, blocks, bsize } = this.#statfs(dirname(this.#path));
    const [freeBytes, totalBytes] = [bavail * bsize, blocks * bsize];
    const reserve = Math.min(MOST_RESERVE_BYTES, totalBytes / 50);
    const hasBallast = this.#hasBallast() || (freeBytes >= reserve + this.#ballastBytes && this.#setAside());
    const low = freeBytes < totalBytes / 10 ? "low" : "ample";
    return {
      freeBytes,
      totalBytes,
      journalBytes,
      state: !hasBallast || freeBytes < reserve ? "full" : low,
    };
  }

  /** Gives the ballast's room back; false where there is none to give. */
  release(): boolean {
    if (!this.#hasBallast()) return false;
    rmSync(this.#path, { force: true });
    return true;
  }

  #hasBallast(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === this.#ballastBytes;
  }

  /** False where the disk does not take it, whatever it says is free. */
  #setAside(): boolean {
    const unfinished = `${this.#path}.tmp`;
    try {
      const file = openSync(unfinished, "w", 0o600);
      try {
        // Not zeros: a file system may give those no room.
        const block = Buffer.alloc(BLOCK_BYTES, "badgekey ballast ");
        for (let left = this.#ballastBytes; left > 0; left -= BLOCK_BYTES) {
          writeSync(file, block, 0, Math.min(left, BLOCK_BYTES));
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(unfinished, this.#path);
      syncDirectory(this.#path);
      return true;
    } catch {
      // Told as `full`: what the disk refuses to the ballast it refuses to records, too.
      rmSync(unfinished, { force: true });
      return false;
    }
  }
}
