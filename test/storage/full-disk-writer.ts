import { existsSync, mkdirSync, openSync } from "node:fs";
import { TrustClient, encodeUsageRecord, type UsageRecord } from "@badgekey/shared";
import {
  type Journal,
  JournalWriter,
  diskFolder,
  openJournal,
  siteStateStore,
  systemClock,
} from "@badgekey/device-agent";
import { AGENT, FOLDERS, marksOf, offers, site, storyJournal } from "./story.js";

/**
 * Lets one use be recorded, and site state be kept, on a disk whose n-th write or sync and all after it fail until it
 * has been noticed for a while; for every n from STORY_FROM in steps of STORY_EVERY until a run meets no failure any
 * more. Prints one JSON line a case.
 */
const root = process.env["FAULT_ROOT"];
if (root === undefined) throw new Error("FAULT_ROOT names the folder");
const kind = process.env["STORY_KIND"] ?? "enospc";
const every = Number(process.env["STORY_EVERY"] ?? 1);
const NOTICED_MS = 25;
/** So much faster than in life goes the time of what is tried again. */
const HASTE = 40;

const clock = systemClock();
const hasty = { after: (ms: number, run: () => void) => clock.after(ms / HASTE, run) };
const later = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

function order(words: string): void {
  try {
    openSync(`${root as string}/.fault-${words}`, "r");
  } catch {
    // There is no such file: the layer has heard.
  }
}

const record = (n: number): UsageRecord => ({
  kind: n === 0 ? "sessionStarted" : n === 9 ? "sessionEnded" : "sessionExtended",
  at: 1_000,
  clock: "synced",
  machine: "saw",
  upMs: n,
  reason: "x".repeat(n * 20),
});
const RECORDS = 10;

interface Trouble {
  seen: number;
  isMended: boolean;
}

/** The first failure that anybody sees: somewhat later there is room again, or the disk works. */
function notice(trouble: Trouble): void {
  trouble.seen += 1;
  if (trouble.seen > 1) return;
  clock.after(NOTICED_MS, () => {
    trouble.isMended = true;
    order("mend");
  });
}

async function insistently<T>(trouble: Trouble, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries > 400) throw error;
      notice(trouble);
      await later(10);
    }
  }
}

async function keepSiteState(folder: string, trouble: Trouble): Promise<string[]> {
  const open = () =>
    siteStateStore({
      disk: diskFolder(`${folder}/site-state`),
      roots: [site.rootBytes],
      log: { warn: () => undefined },
    });
  const store = open();
  const start = () => {
    const started = TrustClient.start(site.rootBytes, { site: site.site, agent: AGENT, monotonicMs: 0 });
    if (!started.ok) throw new Error(started.code);
    return started.value;
  };
  const client = start();
  for (const [index, [name, bytes]] of offers.entries()) {
    const { accepted, removed } = client.offer(name, bytes, 0);
    await insistently(trouble, () => store.save(accepted, removed));
    await insistently(trouble, () => store.saveClock(site.at + index, site.at));
  }
  const loaded = await open().load();
  const again = start();
  again.restore(loaded.objects, 0);
  const held = (one: TrustClient) =>
    JSON.stringify([...one.state.applied].map(([name, { version }]) => [name, version]).sort());
  return [
    ...(held(again) === held(client) ? [] : [`the cache holds ${held(again)}`]),
    ...(loaded.floorAt === site.at + offers.length - 1 ? [] : ["the clock is another"]),
  ];
}

async function recordUse(folder: string, trouble: Trouble) {
  const options = { ...storyJournal(folder), replaceAfterMs: 5, storageEveryMs: 20 };
  const first = await insistently(trouble, () => openJournal(options));
  const told: string[] = [];
  first.journal.watch((event) => {
    told.push(event.kind === "storage" ? event.storage.state : event.kind);
    // Nothing failed but the ballast, or the ballast bore it.
    if (event.kind === "storage" && event.storage.state === "full") notice(trouble);
  });
  const writer = new JournalWriter({
    journal: first.journal,
    head: first.head,
    scheduler: hasty,
    onFailed: () => notice(trouble),
    onDrained: () => undefined,
  });
  const written = Array.from({ length: RECORDS }, async (_, n) => {
    await later(n);
    await writer.write([record(n)], new Map([...marksOf(n)]));
  });
  await Promise.all(written);
  await until(() => told.at(-1) === "ample" || told.at(-1) === "low", trouble);
  writer.close();
  await first.journal.close();
  order("mend");
  const second = await openJournal(options);
  const problems = await compare(second.journal);
  if (second.salvage) problems.push(`damaged: ${second.salvage.reason}`);
  if (second.marks.get("counter")?.[1] !== RECORDS - 1) problems.push("marks are not the newest");
  await second.journal.close();
  return { problems, told };
}

/** Storage is looked at anew every few ms. */
async function until(holds: () => boolean, trouble: Trouble): Promise<void> {
  for (let waited = 0; !holds(); waited++) {
    if (waited > 400) throw new Error("storage did not come back by itself");
    if (waited === 200) notice(trouble);
    await later(5);
  }
}

/** Each record once, in order. */
async function compare(journal: Journal): Promise<string[]> {
  const rows = await journal.rowsAfter(undefined, 1_000);
  const found = rows.map(({ body }) => Buffer.from(body).toString("hex"));
  const wanted = Array.from({ length: RECORDS }, (_, n) => Buffer.from(encodeUsageRecord(record(n))).toString("hex"));
  return found.join() === wanted.join()
    ? []
    : [`the journal holds ${String(found.length)} rows, not the ${String(RECORDS)}`];
}

/** SAFETY R19: with not a byte left the ballast gives the room for the end of the use; nothing is mended meanwhile. */
async function endOnFullDisk(folder: string): Promise<readonly string[]> {
  const trouble: Trouble = { seen: 0, isMended: false };
  const { journal } = await openJournal({ ...storyJournal(folder), storageEveryMs: 20 });
  const told: string[] = [];
  journal.watch((event) => told.push(event.kind === "storage" ? event.storage.state : event.kind));
  await until(() => told.length > 0, trouble);
  await journal.append([encodeUsageRecord(record(0))], new Map([["session", Uint8Array.of(1)]]));
  order("arm:1:enospc");
  await journal.append([encodeUsageRecord(record(9))], new Map([["session", null]]));
  await until(() => told.at(-1) === "full", trouble);
  order("mend");
  await until(() => told.at(-1) !== "full", trouble);
  await journal.close();
  const again = await openJournal(storyJournal(folder));
  const rows = await again.journal.rowsAfter(undefined, 10);
  await again.journal.close();
  return [
    ...(rows.length === 2 ? [] : [`the journal holds ${String(rows.length)} rows, not 2`]),
    ...(again.marks.has("session") ? ["the use has not ended"] : []),
  ];
}

function newFolder(name: string): string {
  const folder = `${root as string}/${name}`;
  for (const part of FOLDERS) mkdirSync(`${folder}/${part}`, { recursive: true });
  return folder;
}

if (kind === "enospc") {
  const problems = await endOnFullDisk(newFolder("ballast"));
  process.stdout.write(`${JSON.stringify({ from: 0, seen: 1, told: ["full"], problems })}\n`);
}
for (let from = Number(process.env["STORY_FROM"] ?? 1); ; from += every) {
  const folder = newFolder(`case-${String(from)}`);
  const trouble: Trouble = { seen: 0, isMended: false };
  order(`arm:${String(from)}:${kind}`);
  const [use, cache] = await Promise.all([recordUse(folder, trouble), keepSiteState(folder, trouble)]);
  order("mend");
  const hasBallast = existsSync(`${folder}/journal/journal.db.ballast`);
  const problems = [...use.problems, ...cache, ...(hasBallast ? [] : ["no ballast in the end"])];
  process.stdout.write(`${JSON.stringify({ from, seen: trouble.seen, told: use.told, problems })}\n`);
  if (trouble.seen === 0) break;
}
