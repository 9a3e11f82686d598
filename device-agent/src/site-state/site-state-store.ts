import { objectTypes, sha256, toHex } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import type { SiteStateStore } from "../ports.js";
import { type ClockCopy, MOST_CLOCK_BYTES, decodeClockCopy, encodeClockCopy } from "./clock-copy.js";
import { type Disk, TEMPORARY, removeFiles, replaceFile } from "./durable-folder.js";
import { fileOfHeartbeat, fileOfList, isHeartbeatFile, listOfFile } from "./object-files.js";
import { type Announcements, readAnnouncements, stagesOf } from "./restore-order.js";

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

interface KeptHeartbeat extends Announcements {
  readonly file: string;
}

/** What lies in the folder, without the bytes. */
interface Contents {
  readonly heartbeats: Map<number, KeptHeartbeat>;
  /** Object name → SHA-256 of its bytes, hex. */
  readonly lists: Map<string, string>;
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
  #contents: Contents | undefined;
  #clockNumber: number | undefined;
  /** One thing at a time, in the order asked for. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ disk, roots, log }: SiteStateStoreOptions) {
    this.#disk = disk;
    this.#roots = roots;
    this.#log = log;
  }

  load(): ReturnType<SiteStateStore["load"]> {
    return this.#inTurn(async () => {
      const { contents, bytes } = await this.#scan();
      this.#contents = contents;
      const clock = await this.#readClock();
      this.#clockNumber = clock.number;
      const objects = [...this.#restoredRoots(bytes), ...restoredLists(contents, bytes)];
      return { firstRoot: this.#roots[0], objects, floorAt: clock.floorAt, freshAt: clock.freshAt };
    });
  }

  save(accepted: readonly NamedBytes[], removed: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const contents = (this.#contents ??= (await this.#scan()).contents);
      const before = [...contents.heartbeats.keys()];
      for (const object of accepted) await this.#keep(contents, object);
      // What went and came back within one save is there.
      const kept = new Set(accepted.map(({ name }) => name));
      await this.#removeLists(
        contents,
        removed.filter((name) => !kept.has(name)),
      );
      if (removed.includes("heartbeat")) await this.#removeHeartbeats(contents, before);
      await this.#removeNeedlessHeartbeats(contents);
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

  async #scan(): Promise<{ contents: Contents; bytes: ReadonlyMap<string, Uint8Array> }> {
    const contents: Contents = { heartbeats: new Map(), lists: new Map() };
    const kept = new Map<string, Uint8Array>();
    const files = await this.#disk.list();
    await removeFiles(
      this.#disk,
      files.filter((file) => file.endsWith(TEMPORARY)),
    );
    for (const file of files) {
      const list = listOfFile(file);
      if (list === undefined && !isHeartbeatFile(file)) continue;
      const bytes = await this.#readOrSkip(file);
      if (!bytes) continue;
      if (list !== undefined) {
        contents.lists.set(list, toHex(sha256(bytes)));
        kept.set(list, bytes);
        continue;
      }
      const announcements = readAnnouncements(bytes);
      if (announcements?.version !== undefined && fileOfHeartbeat(announcements.version) === file) {
        contents.heartbeats.set(announcements.version, { ...announcements, file });
        kept.set(file, bytes);
      } else {
        this.#log.warn({ file }, "left out a damaged file of the site-state cache");
      }
    }
    return { contents, bytes: kept };
  }

  async #readOrSkip(file: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#disk.read(file, mostBytes);
      if (bytes && bytes.length > 0) return bytes;
      this.#log.warn({ file }, "left out a file of the site-state cache that is empty or too large");
    } catch (error) {
      this.#log.warn({ file, err: error }, "left out a file of the site-state cache that cannot be read");
    }
    return undefined;
  }

  async #readClock(): Promise<ClockCopy> {
    let newest: ClockCopy = { number: 0, floorAt: 0, freshAt: 0 };
    for (const file of CLOCK_FILES) {
      const bytes = await this.#disk.read(file, MOST_CLOCK_BYTES);
      if (!bytes) continue;
      const copy = decodeClockCopy(bytes);
      if (!copy) this.#log.warn({ file }, "left out a damaged copy of the clock");
      else if (copy.number > newest.number) newest = copy;
    }
    return newest;
  }

  /** The enrolled bytes first: where the cached copy of a root has rotted, the chain still holds. */
  #restoredRoots(bytes: ReadonlyMap<string, Uint8Array>): readonly NamedBytes[] {
    const versions = new Map<number, NamedBytes[]>();
    const add = (version: number, object: NamedBytes) =>
      versions.set(version, [...(versions.get(version) ?? []), object]);
    this.#roots.forEach((root, index) => add(index + 1, { name: `root/${String(index + 1)}`, bytes: root }));
    for (const [name, cached] of bytes) {
      if (name.startsWith("root/")) add(Number(name.slice(5)), { name, bytes: cached });
    }
    versions.delete(1);
    return [...versions.keys()].sort((a, b) => a - b).flatMap((version) => versions.get(version) ?? []);
  }

  async #keep(contents: Contents, { name, bytes }: NamedBytes): Promise<void> {
    if (name !== "heartbeat") {
      await replaceFile(this.#disk, fileOfList(name), bytes);
      contents.lists.set(name, toHex(sha256(bytes)));
      return;
    }
    const announcements = readAnnouncements(bytes);
    if (!announcements) throw new RangeError("a heartbeat to be kept is no heartbeat");
    const file = fileOfHeartbeat(announcements.version);
    await replaceFile(this.#disk, file, bytes);
    contents.heartbeats.set(announcements.version, { ...announcements, file });
  }

  async #removeLists({ lists }: Contents, names: readonly string[]): Promise<void> {
    const held = names.filter((name) => lists.has(name));
    await removeFiles(this.#disk, held.map(fileOfList));
    for (const name of held) lists.delete(name);
  }

  async #removeHeartbeats({ heartbeats }: Contents, versions: readonly number[]): Promise<void> {
    await removeFiles(this.#disk, versions.map(fileOfHeartbeat));
    for (const version of versions) heartbeats.delete(version);
  }

  async #removeNeedlessHeartbeats(contents: Contents): Promise<void> {
    const { heartbeats, lists } = contents;
    const needed = new Set(stagesOf([...heartbeats.values()], lists).map(({ heartbeat }) => heartbeat));
    const needless = [...heartbeats.values()].filter((heartbeat) => !needed.has(heartbeat));
    await this.#removeHeartbeats(
      contents,
      needless.map(({ version }) => version),
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    // Whoever asked is told of a failure; the next in turn goes on all the same.
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function restoredLists(contents: Contents, bytes: ReadonlyMap<string, Uint8Array>): readonly NamedBytes[] {
  const lists = new Map([...contents.lists].filter(([name]) => !name.startsWith("root/")));
  const objects: NamedBytes[] = [];
  const add = (name: string, key: string) => {
    const found = bytes.get(key);
    if (found) objects.push({ name, bytes: found });
  };
  for (const stage of stagesOf([...contents.heartbeats.values()], lists)) {
    if (stage.heartbeat) add("heartbeat", stage.heartbeat.file);
    for (const name of stage.lists) add(name, name);
  }
  return objects;
}
