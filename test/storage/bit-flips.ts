import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TrustClient, type UsageRow, chainAfter, rowCommitment } from "@badgekey/shared";
import { JournalStore, diskFolder, restoreSiteState, siteStateStore } from "@badgekey/device-agent";
import { memoryFolder } from "./memory-folder.js";
import { type Random, below, seeded } from "./seeded.js";
import { AGENT, FOLDERS, bodyOf, marksOf, offers, site, storyJournal } from "./story.js";

export interface BitFlipCounts {
  flips: number;
  /** Found and reported. */
  detected: number;
  /** Everything was as before: the bit is used by nobody. */
  harmless: number;
  rowsLost: number;
  /** Lost although a whole copy of the row was on the disk: must be none. */
  rowsLostNeedlessly: number;
  marksLost: number;
  wrongAccepted: number;
  undetected: number;
  readonly problems: string[];
}

export function noFlips(): BitFlipCounts {
  return {
    flips: 0,
    detected: 0,
    harmless: 0,
    rowsLost: 0,
    rowsLostNeedlessly: 0,
    marksLost: 0,
    wrongAccepted: 0,
    undetected: 0,
    problems: [],
  };
}

interface Flip {
  readonly random: Random;
  readonly where: string;
  readonly counts: BitFlipCounts;
}

/** Flips one bit in a file; tells its place. */
function flipBit(path: string, { random }: Flip): number {
  const bytes = readFileSync(path);
  const at = below(random, bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
  writeFileSync(path, bytes);
  return at;
}

interface Written {
  readonly folder: string;
  readonly rows: readonly UsageRow[];
  readonly marks: string;
  readonly files: readonly string[];
}

/** A journal as a clean stop leaves it, or as a power cut does: with commits that are in the log alone. */
function writeJournal(end: "closed" | "cut", records: number): Written {
  const work = memoryFolder();
  const folder = memoryFolder();
  for (const name of FOLDERS) mkdirSync(join(work, name));
  const store = new JournalStore(storyJournal(work));
  for (let n = 0; n < records; n++) {
    store.append([{ rows: [{ body: bodyOf(n), salt: new Uint8Array(16).fill(n) }], marks: [...marksOf(n)] }]);
    if (n === Math.floor(records / 2)) store.checkpoint();
    if (n === 10) dropFive(store);
  }
  const rows = store.rowsAfter(undefined, records);
  if (end === "closed") store.close();
  cpSync(work, folder, { recursive: true });
  store.close();
  rmSync(work, { recursive: true });
  const marks = new Map([...marksOf(records - 1)].flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
  const files = readdirSync(join(folder, "journal")).filter((name) => /\.db(-wal)?$/.test(name));
  return { folder, rows, marks: marksText(marks), files };
}

function dropFive(store: JournalStore): void {
  const rows = store.rowsAfter(undefined, 6);
  const [last, next] = rows.slice(-2);
  if (last && next) store.acknowledge(last, next.previous);
}

function marksText(marks: ReadonlyMap<string, Uint8Array>): string {
  return [...marks]
    .map(([name, value]) => `${name} ${Buffer.from(value).toString("hex")}`)
    .sort()
    .join();
}

const rowText = (row: UsageRow): string =>
  [
    row.boot,
    row.sequence,
    ...[row.previous, row.salt, row.body].map((bytes) => Buffer.from(bytes).toString("hex")),
  ].join();

/** Flips bits in a journal, one at a time, and opens it. */
export function flipJournalBits(flips: number, seed: number, counts: BitFlipCounts, only?: number): void {
  for (const end of ["closed", "cut"] as const) {
    const written = writeJournal(end, 60);
    const folder = memoryFolder();
    try {
      for (let round = 0; round < flips / 2; round++) {
        if (only !== undefined && round !== only) continue;
        const where = `seed ${String(seed)} journal ${end} flip ${String(round)}`;
        const random = seeded(seed + round * 2 + (end === "cut" ? 1 : 0));
        flipOneInJournal(written, folder, { random, where, counts });
      }
    } finally {
      for (const used of [folder, written.folder]) rmSync(used, { recursive: true, force: true });
    }
  }
}

function flipOneInJournal(written: Written, folder: string, flip: Flip): void {
  const { counts, where, random } = flip;
  rmSync(folder, { recursive: true, force: true });
  cpSync(written.folder, folder, { recursive: true });
  const file = written.files[below(random, written.files.length)] as string;
  const at = flipBit(join(folder, "journal", file), flip);
  counts.flips += 1;
  const problem = (what: string): void => void counts.problems.push(`${where} (${file} byte ${String(at)}): ${what}`);
  const store = new JournalStore(storyJournal(folder));
  const { salvage } = store;
  const found = new Set(store.rowsAfter(undefined, 1_000).map(rowText));
  const known = new Set(written.rows.map(rowText));
  const lost = written.rows.filter((row) => !found.has(rowText(row)));
  const wrong = [...found].filter((row) => !known.has(row)).length;
  const needless = lost.filter((row) => hasWholeCopy(written, row, { file, at }));
  counts.wrongAccepted += wrong;
  counts.rowsLost += lost.length;
  counts.rowsLostNeedlessly += needless.length;
  if (wrong > 0) problem(`${String(wrong)} rows that were not to be there`);
  if (needless.length > 0) problem(`${String(needless.length)} rows lost although a copy of them was whole`);
  const sameMarks = marksText(store.marks) === written.marks;
  if (salvage) {
    counts.detected += 1;
    counts.marksLost += salvage.marksLost ? 1 : 0;
    if (salvage.rowsLost !== lost.length) problem(`${String(lost.length)} rows lost, told ${String(salvage.rowsLost)}`);
    if (!sameMarks && !salvage.marksLost) problem("marks lost, untold");
  } else if (lost.length === 0 && wrong === 0 && sameMarks) counts.harmless += 1;
  else {
    counts.undetected += 1;
    problem(`undetected: ${String(lost.length)} rows lost, marks ${sameMarks ? "whole" : "lost"}`);
  }
  store.append([{ rows: [{ body: new Uint8Array([1]), salt: new Uint8Array(16) }], marks: [] }]);
  store.close();
}

/** Bytes of a record in front of its first hash: the head with the columns' types, boot and sequence. */
const MOST_HEAD = 14;

/** Whether some copy of the row, in the database or its log, has nothing of itself at the place of the flip. */
function hasWholeCopy({ folder, files }: Written, row: UsageRow, flip: { file: string; at: number }): boolean {
  const { previous, salt, body } = row;
  const record = Buffer.concat([previous, salt, body, chainAfter(row, rowCommitment(row))]);
  return files.some((file) => {
    const image = readFileSync(join(folder, "journal", file));
    for (let at = image.indexOf(record); at >= 0; at = image.indexOf(record, at + 1)) {
      if (file !== flip.file || flip.at < at - MOST_HEAD || flip.at > at + record.length) return true;
    }
    return false;
  });
}

async function writeSiteState(folder: string): Promise<void> {
  const started = TrustClient.start(site.rootBytes, { site: site.site, agent: AGENT, monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  const store = cacheIn(folder);
  await store.load();
  // Without the root that replaces the online key: its heartbeat is part of what may rot.
  for (const [index, [name, bytes]] of offers.slice(0, -1).entries()) {
    const { accepted, removed } = started.value.offer(name, bytes, 0);
    await store.save(accepted, removed);
    await store.saveClock(site.at + index, site.at);
  }
}

function cacheIn(folder: string) {
  return siteStateStore({ disk: diskFolder(folder), roots: [site.rootBytes], log: { warn: () => undefined } });
}

async function restored(folder: string) {
  const loaded = await cacheIn(folder).load();
  const outcome = restoreSiteState(loaded, { site: site.site, agent: AGENT, monotonicMs: 0 });
  if (!outcome.ok) throw new Error(outcome.code);
  const { trust, damaged } = outcome.value;
  const held = new Map(
    [...trust.state.applied].map(([name, { version, hash }]) => [
      name,
      `${String(version)} ${Buffer.from(hash).toString("hex")}`,
    ]),
  );
  return { held, damaged, clock: trust.clock };
}

/** Flips bits in the files of the site-state cache, one at a time, and loads it. */
export async function flipSiteStateBits(
  flips: number,
  seed: number,
  counts: BitFlipCounts,
  only?: number,
): Promise<void> {
  const [whole, folder] = [memoryFolder(), memoryFolder()];
  try {
    await writeSiteState(whole);
    const before = await restored(whole);
    const files = readdirSync(whole);
    for (let round = 0; round < flips; round++) {
      if (only !== undefined && round !== only) continue;
      const random = seeded(seed + 1_000_000 + round);
      rmSync(folder, { recursive: true, force: true });
      cpSync(whole, folder, { recursive: true });
      const file = files[below(random, files.length)] as string;
      const where = `seed ${String(seed)} site state flip ${String(round)} (${file})`;
      flipBit(join(folder, file), { random, where, counts });
      counts.flips += 1;
      const after = await restored(folder);
      const wrong = [...after.held].filter(([name, version]) => before.held.get(name) !== version).length;
      counts.wrongAccepted += wrong;
      if (wrong > 0) counts.problems.push(`${where}: something else came into force`);
      if (after.damaged.length > 0) counts.detected += 1;
      else {
        counts.undetected += 1;
        counts.problems.push(`${where}: undetected`);
      }
      // A lost list may take a floor against rollback with it: nothing counts as fresh until an online sync (SAFETY
      // R20).
      if (!file.startsWith("clock") && after.clock.freshAt !== 0)
        counts.problems.push(`${where}: still counts as fresh`);
      if (after.clock.floorAt > before.clock.floorAt) counts.problems.push(`${where}: the clock runs ahead`);
    }
  } finally {
    for (const used of [whole, folder]) rmSync(used, { recursive: true, force: true });
  }
}
