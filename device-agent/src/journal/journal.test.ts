import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import { chainAfter, chainStart, rowCommitment, type RowPosition, type UsageRow } from "@badgekey/shared";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { OpenedJournal } from "../ports.js";
import { type JournalOptions, openJournal } from "./journal.js";

const site = new Uint8Array(32).fill(7);
const agent = "laser-1";
const start = chainStart(site, agent);
const body = (n: number): Uint8Array => new TextEncoder().encode(`record number ${n} of this journal`);
const bodies = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from + 1 }, (_, at) => body(from + at));

let folder: string;
let path: string;
const opened: OpenedJournal[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-journal-"));
  path = join(folder, "journal.db");
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ journal }) => journal.close()));
  await rm(folder, { recursive: true, force: true });
});

async function open(changes: Partial<JournalOptions> = {}) {
  const journal = await openJournal({ path, site, agent, bootFloor: 0, ...changes });
  opened.push(journal);
  return journal;
}

/** Recomputes the chain over rows that follow `previous`. */
function chainOver(rows: readonly UsageRow[], previous: Uint8Array): Uint8Array {
  return rows.reduce((before, row) => {
    expect(row.previous).toEqual(before);
    return chainAfter(row, rowCommitment(row));
  }, previous);
}

/** Flips one bit in the one place of the closed file where `needle` stands. */
async function flipBitIn(needle: Uint8Array): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(Buffer.from(needle));
  expect(at).toBeGreaterThan(0);
  bytes[at] = (bytes[at] as number) ^ 1;
  await writeFile(path, bytes);
}

const positions = (rows: readonly RowPosition[]): string[] => rows.map(({ boot, sequence }) => `${boot}.${sequence}`);

describe("append", () => {
  test("a row is there again after a reopen, chained to the start of site and agent", async () => {
    const first = await open();
    expect(first.head).toEqual({ boot: 1, sequence: 0, chain: start });
    const head = await first.journal.append([body(1), body(2)]);
    await first.journal.close();
    const second = await open();
    const rows = await second.journal.rowsAfter(undefined, 10);
    expect(positions(rows)).toEqual(["1.1", "1.2"]);
    expect(rows.map((row) => row.body)).toEqual([body(1), body(2)]);
    expect(new Set(rows.map((row) => row.salt.length))).toEqual(new Set([16]));
    expect(chainOver(rows, start)).toEqual(head.chain);
    expect(second.head).toEqual({ boot: 2, sequence: 0, chain: head.chain });
    expect(second.salvage).toBeUndefined();
  });

  test("boots only rise and sequences begin anew in each, the chain going on", async () => {
    for (let boot = 1; boot <= 3; boot++) {
      const { journal } = await open();
      expect(await journal.append([body(boot)])).toMatchObject({ boot, sequence: 1 });
      await journal.close();
    }
    await (await open()).journal.close(); // a boot without a row uses up its number too
    const { journal, head } = await open();
    expect(head.boot).toBe(5);
    const rows = await journal.rowsAfter(undefined, 10);
    expect(positions(rows)).toEqual(["1.1", "2.1", "3.1"]);
    expect(chainOver(rows, start)).toEqual(head.chain);
  });

  test("a new journal begins at the trusted floor, above the boots of a lost one", async () => {
    const { journal, head } = await open({ bootFloor: 1_790_000_000 });
    expect(head.boot).toBe(1_790_000_000);
    await journal.close();
    expect((await open({ bootFloor: 1_800_000_000 })).head.boot).toBe(1_790_000_001);
  });

  test("appends that wait together each get their own head", async () => {
    const { journal } = await open();
    const heads = await Promise.all(bodies(1, 50).map((one) => journal.append([one])));
    expect(heads.map((head) => head.sequence)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    const rows = await journal.rowsAfter({ boot: 1, sequence: 48 }, 10);
    expect(positions(rows)).toEqual(["1.49", "1.50"]);
    expect(await journal.rowsAfter(undefined, 7)).toHaveLength(7);
    expect(await journal.pendingCount()).toBe(50);
  });

  test("marks are set and removed with the rows of the same append", async () => {
    const { journal } = await open();
    await journal.append([body(1)], new Map([["lockout", body(100)], ["floor", body(101)]])); // prettier-ignore
    await journal.append([], new Map([["lockout", null]]));
    const head = await journal.append([body(2)], new Map([["fault", body(102)]]));
    expect(head.sequence).toBe(2);
    await journal.close();
    const { marks } = await open();
    expect(marks).toEqual(new Map([["fault", body(102)], ["floor", body(101)]])); // prettier-ignore
  });

  test("R18: WAL, synchronous FULL and exclusive are read back, and the file is for its owner alone", async () => {
    const { openDatabase } = await import("./journal-file.js");
    const db = openDatabase(path);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("locking_mode", { simple: true })).toBe("exclusive");
    db.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("a second journal on the same file is refused", async () => {
    await open();
    await expect(open()).rejects.toMatchObject({
      name: "JournalError",
      code: "SQLITE_BUSY",
      message: `${path} is in use by another process: stop that one first`,
    });
  });

  test("the journal of another agent is refused and left alone", async () => {
    const { journal } = await open();
    await journal.append([body(1)]);
    await journal.close();
    await expect(open({ agent: "laser-2" })).rejects.toThrow("belongs to another site or agent: move it away");
    expect(await (await open()).journal.pendingCount()).toBe(1);
  });

  test("after close everything is refused", async () => {
    const { journal } = await open();
    const last = journal.append([body(1)]);
    await journal.close();
    expect((await last).sequence).toBe(1);
    await expect(journal.append([body(2)])).rejects.toThrow("the journal is closed");
    await journal.close();
  });
});

describe("acknowledge", () => {
  test("the right chain drops rows of all boots up to the position, a forged one drops nothing", async () => {
    const before = await open();
    await before.journal.append(bodies(1, 3));
    await before.journal.close();
    const { journal } = await open();
    const head = await journal.append(bodies(4, 6));
    const rows = await journal.rowsAfter(undefined, 10);
    const at = { boot: 2, sequence: 2 };
    const chain = chainOver(rows.slice(0, 5), start);
    const forged = chain.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
    expect(await journal.acknowledge(at, forged)).toBe("mismatch");
    expect(await journal.acknowledge(at, head.chain)).toBe("mismatch");
    expect(await journal.acknowledge({ boot: 2, sequence: 9 }, chain)).toBe("mismatch");
    expect(await journal.pendingCount()).toBe(6);
    expect(await journal.acknowledge(at, chain)).toBe("dropped");
    expect(positions(await journal.rowsAfter(undefined, 10))).toEqual(["2.3"]);
    expect(await journal.pendingCount()).toBe(1);
  });

  test("a repeat of the last acknowledgement is compared with what was remembered, also after a restart", async () => {
    const { journal } = await open();
    const head = await journal.append(bodies(1, 3));
    expect(await journal.acknowledge(head, head.chain)).toBe("dropped");
    await journal.close();
    const again = await open();
    expect(again.head).toEqual({ boot: 2, sequence: 0, chain: head.chain });
    expect(await again.journal.acknowledge(head, head.chain)).toBe("dropped");
    expect(await again.journal.acknowledge(head, start)).toBe("mismatch");
    expect(await again.journal.acknowledge({ boot: 1, sequence: 1 }, start)).toBe("dropped");
    const next = await again.journal.append([body(4)]);
    const rows = await again.journal.rowsAfter(undefined, 10);
    expect(positions(rows)).toEqual(["2.1"]);
    expect(chainOver(rows, head.chain)).toEqual(next.chain);
  });
});

describe("R20: salvage", () => {
  async function written(count: number): Promise<readonly UsageRow[]> {
    const { journal } = await open();
    await journal.append(bodies(1, count), new Map([["lockout", body(1000)]]));
    const rows = await journal.rowsAfter(undefined, count);
    await journal.close();
    return rows;
  }

  test("a flipped bit in a row costs that row only; the gap shows and the rest can be acknowledged", async () => {
    const rows = await written(20);
    await flipBitIn(body(7));
    const { journal, salvage, marks, head } = await open({ bootFloor: 5000 });
    expect(salvage).toEqual({
      movedTo: `${path}.damaged-1`,
      rowsKept: 19,
      rowsLost: 1,
      lost: [1, 7, 1, 7],
      reason: "row 1.7 was altered",
      marksLost: false,
    });
    expect(marks.get("lockout")).toEqual(body(1000));
    expect(head.boot).toBe(5000);
    const kept = await journal.rowsAfter(undefined, 100);
    expect(kept).toEqual(rows.filter((row) => row.sequence !== 7));
    const next = await journal.append([body(21)]);
    expect((await journal.rowsAfter({ boot: 1, sequence: 20 }, 1))[0]?.previous).toEqual(head.chain);
    await journal.close();
    const again = await open();
    expect(again.salvage).toBeUndefined();
    expect(await again.journal.acknowledge(next, next.chain)).toBe("dropped");
    expect((await readFile(`${path}.damaged-1`)).includes(Buffer.from(body(8)))).toBe(true);
  });

  test("the report is repeated until something is appended", async () => {
    await written(3);
    await flipBitIn(body(2));
    const first = await open();
    await first.journal.close();
    const second = await open();
    expect(second.salvage).toEqual(first.salvage);
    expect(second.head.boot).toBe(first.head.boot + 1);
  });

  test("a lost tail shows in the next row, whose previous is still the old head", async () => {
    const rows = await written(5);
    await flipBitIn(body(5));
    const { journal, head } = await open();
    expect(head.chain).toEqual(chainOver(rows, start));
    await journal.append([body(6)]);
    await journal.close();
    const again = await open();
    expect(again.salvage).toBeUndefined();
    const kept = await again.journal.rowsAfter(undefined, 10);
    expect(positions(kept)).toEqual(["1.1", "1.2", "1.3", "1.4", "2.1"]);
    expect(kept.at(-1)?.previous).toEqual(head.chain);
  });

  test("a row taken out whole, or rows swapped, are found", async () => {
    await written(5);
    const db = new Database(path);
    db.exec("DELETE FROM rows WHERE sequence = 3");
    db.close();
    const { salvage } = await open();
    expect(salvage).toMatchObject({ reason: "row 1.4 does not follow its chain", rowsKept: 4 });
  });

  test("an altered mark is dropped and said to be lost", async () => {
    await written(2);
    await flipBitIn(body(1000));
    const { salvage, marks } = await open();
    expect(salvage).toMatchObject({ reason: 'mark "lockout" was altered', rowsKept: 2, marksLost: true });
    expect(marks.size).toBe(0);
  });

  test("an altered state is rebuilt from the rows", async () => {
    const rows = await written(4);
    const db = new Database(path);
    db.exec("UPDATE meta SET boot = 0");
    db.close();
    const { salvage, head } = await open();
    expect(salvage).toMatchObject({ reason: "the journal's state was altered", rowsKept: 4 });
    expect(head).toEqual({ boot: 2, sequence: 0, chain: chainOver(rows, start) });
  });

  test("a file that is no database is moved aside, and the new one begins at the floor", async () => {
    await writeFile(path, Buffer.alloc(8192, 0x55));
    await writeFile(`${path}.damaged-1`, "an older one");
    const { salvage, head } = await open({ bootFloor: 77 });
    expect(salvage).toMatchObject({ movedTo: `${path}.damaged-2`, rowsKept: 0, marksLost: true });
    expect(head).toEqual({ boot: 77, sequence: 0, chain: start });
  });

  test("rows on both sides of an unreadable page are kept", async () => {
    const { journal } = await open();
    const big = Array.from({ length: 400 }, (_, at) => new Uint8Array(200).fill(at % 251));
    await journal.append(big);
    await journal.close();
    const bytes = await readFile(path);
    const middle = bytes.indexOf(Buffer.alloc(200, 200));
    bytes.fill(0xff, middle - (middle % 4096), middle - (middle % 4096) + 4096);
    await writeFile(path, bytes);
    const after = await open();
    const rows = await after.journal.rowsAfter(undefined, 1000);
    expect(after.salvage?.rowsKept).toBe(rows.length);
    expect(rows.length).toBeGreaterThan(350);
    expect(rows.length).toBeLessThan(400);
    expect(rows[0]?.sequence).toBe(1);
    expect(rows.at(-1)?.sequence).toBe(400);
  });

  test("a power cut in the middle of a salvage is finished or begun anew at the next start", async () => {
    await written(6);
    await flipBitIn(body(2));
    const damaged = await readFile(path);
    await (await open()).journal.close();
    const whole = await readFile(path);
    // Cut before the new file was finished: it is thrown away.
    await writeFile(path, damaged);
    await writeFile(`${path}.salvaging`, whole.subarray(0, 5000));
    const begun = await open();
    expect(begun.salvage).toMatchObject({ movedTo: `${path}.damaged-2`, rowsKept: 5 });
    await begun.journal.close();
    // Cut after it was finished: it takes the place, without the log of the damaged file.
    await writeFile(path, damaged);
    await writeFile(`${path}-wal`, "the log of the damaged file");
    await writeFile(`${path}.salvaged`, whole);
    const finished = await open();
    expect(finished.salvage).toMatchObject({ movedTo: `${path}.damaged-1`, rowsKept: 5 });
    await expect(stat(`${path}.salvaged`)).rejects.toThrow("ENOENT");
  });
});

test("kill -9: every acknowledged row is there, and the chain holds", async () => {
  const program = `
    import { openJournal } from ${JSON.stringify(new URL("../../dist/journal/journal.js", import.meta.url).href)};
    const site = new Uint8Array(32).fill(7);
    const { journal } = await openJournal({ path: ${JSON.stringify(path)}, site, agent: "laser-1", bootFloor: 0 });
    for (let n = 1; ; n++) {
      const head = await journal.append([new TextEncoder().encode("row " + n)], new Map([["last", new Uint8Array([n % 256])]]));
      console.log(head.sequence);
    }`;
  for (let boot = 1; boot <= 3; boot++) {
    const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    let acknowledged = 0;
    if (!child.stdout) throw new Error("no pipe to the child");
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged >= 40) child.kill("SIGKILL");
    }
    await ended;
    const { journal, salvage, marks } = await open();
    expect(salvage).toBeUndefined();
    const rows = await journal.rowsAfter(undefined, 100_000);
    const ours = rows.filter((row) => row.boot === 2 * boot - 1);
    expect(ours.length).toBeGreaterThanOrEqual(acknowledged);
    expect(marks.get("last")).toEqual(new Uint8Array([ours.length % 256]));
    chainOver(rows, start);
    await journal.close();
  }
});
