import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * The few operations on one flat folder that a power cut is judged by; a test puts a disk that loses power in their
 * place.
 */
export interface Disk {
  /** Names in the folder; makes it if it is not there. */
  list(): Promise<readonly string[]>;
  /** Undefined where there is no such file, or it is larger than `mostBytes`. */
  read(name: string, mostBytes: number): Promise<Uint8Array | undefined>;
  /** Writes the whole file and waits until its content is on the disk; the name may still be lost. */
  writeSynced(name: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Waits until names made, changed and removed are on the disk. */
  syncNames(): Promise<void>;
}

/** Marks files that a cut may leave behind: nobody reads them. */
export const TEMPORARY = ".tmp";

/** Replaces a file so that a power cut at any instant leaves the old content or the new one, whole. */
export async function replaceFile(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  await disk.writeSynced(name + TEMPORARY, bytes);
  await disk.rename(name + TEMPORARY, name);
  await disk.syncNames();
}

export async function removeFiles(disk: Disk, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  for (const name of names) await disk.remove(name);
  await disk.syncNames();
}

/**
 * A folder of the real disk, mode 0700, its files 0600. All asynchronous: the loop's thread waits for no disk (SAFETY
 * R8).
 */
export function diskFolder(folder: string): Disk {
  return {
    async list() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return readdir(folder);
    },
    async read(name, mostBytes) {
      const path = join(folder, name);
      try {
        const { size } = await stat(path);
        return size > mostBytes ? undefined : new Uint8Array(await readFile(path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async writeSynced(name, bytes) {
      const handle = await open(join(folder, name), "w", 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    rename: (from, to) => rename(join(folder, from), join(folder, to)),
    remove: (name) => rm(join(folder, name), { force: true }),
    async syncNames() {
      const handle = await open(folder, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
  };
}
