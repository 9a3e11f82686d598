import { objectTypes } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import type { SiteStateStore } from "../ports.js";
import { type ClockCopy, MOST_CLOCK_BYTES, decodeClockCopy, encodeClockCopy } from "./clock-copy.js";
import { type Disk, TEMPORARY, removeFiles, replaceFile } from "./durable-folder.js";
import { fileOfObject, objectOfFile } from "./object-files.js";

export interface SiteStateStoreOptions {
  /** The folder `site-state` of the agent's data. */
  readonly disk: Disk;
  /** Roots from version 1 on, as enrolment left them. */
  readonly roots: readonly [Uint8Array, ...Uint8Array[]];
  readonly log: Pick<BaseLogger, "warn">;
}

export interface FileSiteStateStore extends SiteStateStore {
  /** Resolves once everything asked for so far is on the disk, or has failed. */
  settled(): Promise<void>;
}

interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const CLOCK_FILES = ["clock-a", "clock-b"] as const;
const mostBytes = Math.max(...Object.values(objectTypes).map((type) => type.maxBytes));

/**
 * The site-state cache on files, one an object, each replaced whole. They are written in the order in which the trust
 * client accepted them, so that a power cut at any instant leaves a state that the client was in. What is damaged or
 * strange is left out with a log line: the trust client verifies everything again, this store believes nothing.
 */
export function siteStateStore(options: SiteStateStoreOptions): FileSiteStateStore {
  return new FileStore(options);
}

class FileStore implements FileSiteStateStore {
  readonly #disk: Disk;
  readonly #roots: SiteStateStoreOptions["roots"];
  readonly #log: SiteStateStoreOptions["log"];
  #clockNumber: number | undefined;
  /** Files that the last load could not use. */
  #damaged: string[] = [];
  /** One thing at a time, in the order asked for. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ disk, roots, log }: SiteStateStoreOptions) {
    this.#disk = disk;
    this.#roots = roots;
    this.#log = log;
  }

  load(): ReturnType<SiteStateStore["load"]> {
    return this.#inTurn(async () => {
      this.#damaged = [];
      const kept = await this.#readObjects();
      const { number, floorAt, freshAt } = await this.#readClock();
      this.#clockNumber = number;
      const [firstRoot, ...laterRoots] = this.#roots;
      const enrolled = laterRoots.map((bytes, index) => ({ name: `root/${String(index + 2)}`, bytes }));
      // The sort is stable, so enrolled bytes come first: where the cached copy of a root has rotted, the chain still
      // holds.
      const objects = [...enrolled, ...kept].sort((a, b) => rank(a.name) - rank(b.name));
      return { firstRoot, objects, floorAt, freshAt, damaged: [...new Set(this.#damaged)] };
    });
  }

  save(accepted: readonly NamedBytes[], removed: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#tidyFiles();
      for (const { name, bytes } of accepted) await replaceFile(this.#disk, fileOfObject(name), bytes);
      // What went and came back within one save is there.
      const kept = new Set(accepted.map(({ name }) => name));
      const gone = removed.filter((name) => !kept.has(name));
      await removeFiles(this.#disk, gone.map(fileOfObject));
    });
  }

  saveClock(floorAt: number, freshAt: number): Promise<void> {
    return this.#inTurn(async () => {
      const number = (this.#clockNumber ?? (await this.#readClock()).number) + 1;
      // The older copy is overwritten in place: whatever becomes of it, the newer one stays whole.
      const file = CLOCK_FILES[number % 2] as string;
      await this.#disk.writeSynced(file, encodeClockCopy({ number, floorAt, freshAt }));
      if (number <= CLOCK_FILES.length) await this.#disk.syncNames();
      this.#clockNumber = number;
    });
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  /** Names in the folder, which is made if it is not there; what a cut or a failure left half written goes. */
  async #tidyFiles(): Promise<readonly string[]> {
    const files = await this.#disk.list();
    const isLeftover = (file: string) => file.endsWith(TEMPORARY);
    await removeFiles(this.#disk, files.filter(isLeftover));
    return files.filter((file) => !isLeftover(file));
  }

  async #readObjects(): Promise<readonly NamedBytes[]> {
    const objects: NamedBytes[] = [];
    for (const file of await this.#tidyFiles()) {
      const name = objectOfFile(file);
      // Root version 1 is believed only as enrolment left it.
      if (name === undefined || name === "root/1") continue;
      const bytes = await this.#readOrSkip(file);
      if (bytes) objects.push({ name, bytes });
    }
    return objects;
  }

  async #readOrSkip(file: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#disk.read(file, mostBytes);
      if (bytes && bytes.length > 0) return bytes;
      this.#damaged.push(file);
      this.#log.warn({ file }, "left out a file of the site-state cache that is empty or too large");
    } catch (error) {
      this.#damaged.push(file);
      this.#log.warn({ file, err: error }, "left out a file of the site-state cache that cannot be read");
    }
    return undefined;
  }

  async #readClock(): Promise<ClockCopy> {
    let newest: ClockCopy = { number: 0, floorAt: 0, freshAt: 0 };
    for (const file of CLOCK_FILES) {
      const bytes = await this.#readClockFile(file);
      if (!bytes) continue;
      const copy = decodeClockCopy(bytes);
      if (copy && copy.number > newest.number) newest = copy;
      if (copy) continue;
      this.#damaged.push(file);
      this.#log.warn({ file }, "left out a damaged copy of the clock");
    }
    return newest;
  }

  /** A copy that cannot be read is as good as a damaged one. */
  async #readClockFile(file: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#disk.read(file, MOST_CLOCK_BYTES);
    } catch (error) {
      this.#log.warn({ file, err: error }, "a copy of the clock cannot be read");
      return new Uint8Array();
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    // Whoever asked is told of a failure; the next in turn goes on all the same.
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** The order of restoring: roots ascending, heartbeat, trust, policy, then what needs the trust list's issuers. */
function rank(name: string): number {
  if (name.startsWith("root/")) return Number(name.slice(5)) - 1e9;
  return ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
}
