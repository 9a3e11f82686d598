import { access, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JournalEvent, JournalStorage, OpenedJournal } from "../ports.js";
import { Events } from "../testing/events.js";
import { findLogDamage } from "./journal-log.js";
import { JournalStore } from "./journal-store.js";
import { type JournalOptions, openJournal } from "./journal.js";

const site = new Uint8Array(32).fill(7);
const body = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (rows: readonly { readonly body: Uint8Array }[]) => rows.map((row) => Buffer.from(row.body).toString());

let folder: string;
let options: JournalOptions;
const opened: OpenedJournal[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-recovery-"));
  options = {
    path: join(folder, "journal.db"),
    site,
    agent: "saw",
    bootFloor: 0,
    ballastBytes: 4_096,
    replaceAfterMs: 1,
    thread: await mortalThread(),
  };
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ journal }) => journal.close()));
  await rm(folder, { recursive: true, force: true });
});

/** The real thread, which dies where it is asked to write "die first", and behind its commit for "die last". */
async function mortalThread(): Promise<URL> {
  const real = new URL("../../dist/journal/journal-worker.js", import.meta.url).href;
  const program = `
    import { parentPort } from "node:worker_threads";
    const dies = (text) => (message) => {
      const words = (message.rows ?? []).map((row) => Buffer.from(row.body).toString());
      if (words.includes(text)) process.exit(1);
    };
    const lives = await import("node:fs").then((fs) => fs.existsSync(${JSON.stringify(join(folder, "immortal"))}));
    const post = parentPort.postMessage.bind(parentPort);
    if (!lives) {
      parentPort.on("message", dies("die first"));
      parentPort.postMessage = (reply) => {
        if (reply.kind === "done" && globalThis.diesLast) process.exit(1);
        post(reply);
      };
      parentPort.on("message", (message) => {
        globalThis.diesLast = (message.rows ?? []).some((row) => Buffer.from(row.body).toString() === "die last");
      });
    }
    await import(${JSON.stringify(real)});`;
  const file = join(folder, "mortal-thread.mjs");
  await writeFile(file, program);
  return pathToFileURL(file);
}

async function open(changes: Partial<JournalOptions> = {}): Promise<OpenedJournal> {
  const journal = await openJournal({ ...options, ...changes });
  opened.push(journal);
  return journal;
}

/** As JournalWriter does, without its pauses. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes("thread ended")) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test.each(["die first", "die last"])(
  "R18: a thread that ends (%s) is replaced, and what it was given is there once",
  async (word) => {
    const { journal, head } = await open();
    await journal.append([body("one")], new Map([["fault", body("x")]]));
    const rows = [body(word), body("and more")];
    const refused = await journal.append(rows).catch((error: unknown) => error);
    expect(String(refused)).toContain("the journal's thread ended: another takes its place");
    await writeFile(join(folder, "immortal"), "");
    const written = await insist(() => journal.append([...rows, body("behind")]));
    expect(written).toMatchObject({ boot: head.boot, sequence: 4 });
    const held = await journal.rowsAfter(undefined, 10);
    expect(texts(held)).toEqual(["one", word, "and more", "behind"]);
    await journal.close();
    const again = await open();
    expect(again.salvage).toBeUndefined();
    expect(again.head.boot).toBe(head.boot + 1);
    expect(again.marks.get("fault")).toEqual(body("x"));
  },
);

test("R20: what rots while the agent runs is salvaged by the next thread: new boot, marks kept, told", async () => {
  await writeFile(join(folder, "immortal"), "");
  const { journal, head } = await open();
  const events = new Events<JournalEvent>();
  journal.watch((event) => events.add(event));
  await journal.append([body("one"), body("two, which rots"), body("three")], new Map([["fault", body("x")]]));
  await rot(options.path, "two, which rots");
  // SQLite itself notices nothing. A commit that fails makes the journal look; this one has a name that is none.
  const impossible = new Map([[{} as string, new Uint8Array(1)]]);
  await expect(journal.append([], impossible)).rejects.toThrow();
  const next = await insist(() => journal.append([body("four")]));
  expect(next).toMatchObject({ boot: head.boot + 1, sequence: 1 });
  expect(texts(await journal.rowsAfter(undefined, 10))).toEqual(["one", "three", "four"]);
  const salvaged = events.all.find(({ kind }) => kind === "salvaged");
  expect(salvaged).toMatchObject({ salvage: { rowsLost: 1, lost: [head.boot, 2, head.boot, 2], marksLost: false } });
  await journal.close();
  expect((await open()).marks.get("fault")).toEqual(body("x"));
});

/** Flips a bit of the text, in the database and in the log. */
async function rot(path: string, text: string): Promise<void> {
  for (const file of [path, `${path}-wal`]) {
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) bytes[at] = (bytes[at] as number) ^ 1;
    if (bytes.length > 0) await writeFile(file, bytes);
  }
}

test("R5, R20: a journal that is gone is told as damage, and its boot numbers are not used again", async () => {
  const bootsFile = join(folder, "boots");
  const first = await open({ bootsFile, bootFloor: 500 });
  expect([first.head.boot, first.salvage]).toEqual([500, undefined]);
  await first.journal.close();
  await (await open({ bootsFile, bootFloor: 500 })).journal.close();
  for (const side of ["", "-wal", "-shm"]) await rm(options.path + side, { force: true });
  // The time floor is lost, too: only the number beside the enrolment is left.
  const { head, salvage } = await open({ bootsFile, bootFloor: 500 });
  expect(head.boot).toBe(502);
  expect(salvage).toEqual({ movedTo: "", rowsKept: 0, rowsLost: 0, reason: "the journal is missing", marksLost: true });
});

test("R5: a damaged boot number beside the enrolment is left out, and replaced", async () => {
  const bootsFile = join(folder, "boots");
  await writeFile(bootsFile, "badgekey-boot 1 9999 00\n");
  const { head, salvage } = await open({ bootsFile });
  expect([head.boot, salvage]).toEqual([1, undefined]);
  expect(await readFile(bootsFile, "utf8")).toMatch(/^badgekey-boot 1 1 [0-9a-f]{64}\n$/);
});

test("R19: the storage is told at once and as it changes, and the ballast lies beside the journal", async () => {
  const { journal } = await open();
  const told = new Events<JournalStorage>();
  journal.watch((event) => {
    if (event.kind === "storage") told.add(event.storage);
  });
  const [storage] = await told.first(1);
  if (!storage) throw new Error("nothing was told");
  expect(["ample", "low", "full"]).toContain(storage.state);
  expect(storage.totalBytes).toBeGreaterThan(storage.freeBytes);
  await access(`${options.path}.ballast`);
});

function storeAt(path: string): JournalStore {
  return new JournalStore({ path, site, agent: "saw", bootFloor: 0 });
}

/** What a power cut leaves of a journal with three commits that are in its log alone. */
async function cutJournal(): Promise<string> {
  const path = join(folder, "cut.db");
  const store = storeAt(join(folder, "live.db"));
  for (const text of ["first", "second", "third"]) {
    store.append([{ rows: [{ body: body(text), salt: new Uint8Array(16).fill(text.length) }], marks: [] }]);
  }
  for (const side of ["", "-wal"]) await copyFile(join(folder, `live.db${side}`), path + side);
  store.close();
  return path;
}

test("R20: a log that rotted in its middle does not take acknowledged rows with it without a word", async () => {
  const path = await cutJournal();
  expect(findLogDamage(path)).toBeUndefined();
  const log = await readFile(`${path}-wal`);
  const at = log.indexOf("first");
  log[at] = (log[at] as number) ^ 1;
  await writeFile(`${path}-wal`, log);
  expect(findLogDamage(path)).toMatch(/^the log is damaged from frame [0-9]+ of [0-9]+ on$/);
  const store = storeAt(path);
  expect(store.salvage).toMatchObject({ rowsLost: 0, marksLost: true });
  // Later frames hold the row once more.
  expect(texts(store.rowsAfter(undefined, 10))).toEqual(["first", "second", "third"]);
  store.close();
});

test("R20: each bit of a log's newest commit that rots is told from a torn write", async () => {
  const path = await cutJournal();
  const log = await readFile(`${path}-wal`);
  const begin = log.length - 4_120;
  for (let at = begin; at < log.length; at += 113) {
    const rotten = Buffer.from(log);
    rotten[at] = (rotten[at] as number) ^ (1 << (at % 8));
    await writeFile(`${path}-wal`, rotten);
    expect(findLogDamage(path), `byte ${String(at - begin)} of the last frame`).toContain("damaged");
  }
  for (let sector = 1; sector < 8; sector++) {
    await writeFile(`${path}-wal`, Buffer.from(log).fill(0x5a, begin + 512 * sector));
    expect(findLogDamage(path), `torn after ${String(sector)} sectors`).toBeUndefined();
  }
});

test("R18: a commit that the power cut off in the log is no damage", async () => {
  const path = await cutJournal();
  const log = await readFile(`${path}-wal`);
  await writeFile(`${path}-wal`, log.subarray(0, log.length - 2 * 4_120));
  expect(findLogDamage(path)).toBeUndefined();
  await writeFile(`${path}-wal`, log.fill(0, log.length - 2 * 4_120, log.length - 4_120));
  expect(findLogDamage(path)).toBeUndefined();
  const store = storeAt(path);
  expect([store.salvage, store.pendingCount >= 2]).toEqual([undefined, true]);
  store.close();
});
