import { readdirSync } from "node:fs";
import { TrustClient, chainAfter, clockAtBoot, rowCommitment, sameBytes } from "@badgekey/shared";
import { JournalStore, diskFolder, siteStateStore } from "@badgekey/device-agent";
import { AGENT, marksOf, numberOf, offers, site, storyJournal } from "./story.js";

/** What a program was told, and what it had asked for, when its disk came to an end. */
export interface Told {
  /** Numbers of the records that may be there, and of those that must. */
  readonly asked: Set<number>;
  readonly done: Map<number, { readonly boot: number; readonly sequence: number }>;
  /** Rows up to here may have been dropped: the gateway has them. */
  dropping: { boot: number; sequence: number };
  boot: number;
  /** Index of the newest offer that was handed to the cache, and that it has said to hold; -1 for none. */
  saving: number;
  saved: number;
  clock: number;
}

export function nothingTold(): Told {
  return {
    asked: new Set(),
    done: new Map(),
    dropping: { boot: 0, sequence: 0 },
    boot: 0,
    saving: -1,
    saved: -1,
    clock: -1,
  };
}

/** Takes one line of the notes of power-cut-writer. */
export function hear(told: Told, line: string): void {
  const [word, ...rest] = line.split(" ");
  const [a = 0, b = 0, c = 0] = rest.map(Number);
  if (word === "boot") told.boot = a;
  if (word === "asked") told.asked.add(a);
  if (word === "done") told.done.set(a, { boot: b, sequence: c });
  if (word === "dropping") told.dropping = { boot: a, sequence: b };
  if (word === "saving") told.saving = a;
  if (word === "saved") told.saved = a;
  if (word === "clock") told.clock = a;
}

export interface Found {
  readonly lost: number;
  readonly wrong: number;
  readonly isSalvaged: boolean;
  readonly marksLost: boolean;
  readonly rows: number;
  /** Sentences about what must not be. */
  readonly problems: readonly string[];
}

const isAfter = (a: { boot: number; sequence: number }, b: { boot: number; sequence: number }): boolean =>
  a.boot > b.boot || (a.boot === b.boot && a.sequence > b.sequence);

/** Opens the journal that was found, compares it with what was told, and goes on with it. */
export function checkJournal(folder: string, told: Told): Found {
  const problems: string[] = [];
  const store = new JournalStore(storyJournal(folder));
  const rows = store.rowsAfter(undefined, 100_000);
  const seen = new Set<number>();
  let wrong = 0;
  for (const row of rows) {
    if (row.body.length === 1) continue; // what an earlier check has added
    const n = numberOf(row);
    if (n === undefined || !told.asked.has(n) || seen.has(n)) wrong += 1;
    else seen.add(n);
  }
  const missing = [...told.done].filter(([n, at]) => !seen.has(n) && isAfter(at, told.dropping));
  const { salvage, marks, head } = store;
  if (wrong > 0) problems.push(`${String(wrong)} rows were never written`);
  if (missing.length > 0) problems.push(`acknowledged and lost: ${missing.map(([n]) => n).join(", ")}`);
  if (head.boot <= told.boot) problems.push(`boot ${String(head.boot)} follows boot ${String(told.boot)}`);
  for (const [at, row] of rows.entries()) {
    const before = rows[at - 1];
    const follows = !before || sameBytes(row.previous, chainAfter(before, rowCommitment(before)));
    if (!follows && !salvage) problems.push(`row ${String(row.boot)}.${String(row.sequence)} does not follow, untold`);
  }
  const newest = Math.max(-1, ...told.done.keys());
  const last = Math.max(-1, ...told.asked);
  const states = Array.from({ length: last - newest + 1 }, (_, at) => marksText(marksAfter(newest + at)));
  if (!states.includes(marksText(marks)) && salvage?.marksLost !== true) problems.push("marks that never were");
  const [next] = store.append([{ rows: [{ body: new Uint8Array([1]), salt: new Uint8Array(16) }], marks: [] }]);
  if (next?.sequence !== 1) problems.push("the first row of the next boot has another number than 1");
  store.close();
  const again = new JournalStore(storyJournal(folder));
  if (again.salvage) problems.push(`damaged again: ${again.salvage.reason}`);
  if (again.pendingCount !== rows.length + 1) problems.push("the next start finds other rows");
  again.close();
  return {
    lost: missing.length,
    wrong,
    isSalvaged: salvage !== undefined,
    marksLost: salvage?.marksLost === true,
    rows: rows.length,
    problems,
  };
}

function marksAfter(n: number): Map<string, Uint8Array> {
  return new Map(n < 0 ? [] : [...marksOf(n)].flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
}

function marksText(marks: ReadonlyMap<string, Uint8Array>): string {
  return [...marks]
    .map(([name, value]) => `${name} ${Buffer.from(value).toString("hex")}`)
    .sort()
    .join();
}

/** Every state that the writer's trust client was in, from before the first offer on. */
const states: readonly string[] = (() => {
  const client = startClient(clockAtBoot(0, 0, 0));
  return [versionsOf(client), ...offers.map(([name, bytes]) => (client.offer(name, bytes, 0), versionsOf(client)))];
})();

function startClient(clock: ReturnType<typeof clockAtBoot>): TrustClient {
  const started = TrustClient.start(site.rootBytes, { site: site.site, agent: AGENT, monotonicMs: 0, clock });
  if (!started.ok) throw new Error(started.code);
  return started.value;
}

function versionsOf(client: TrustClient): string {
  return [...client.state.applied]
    .map(([name, { version }]) => `${name}=${String(version)}`)
    .sort()
    .join(" ");
}

/** Loads the cache that was found; resolves with what must not be. */
export async function checkSiteState(folder: string, told: Told): Promise<readonly string[]> {
  const problems: string[] = [];
  const path = `${folder}/site-state`;
  const store = siteStateStore({ disk: diskFolder(path), roots: [site.rootBytes], log: { warn: () => undefined } });
  const loaded = await store.load();
  const client = startClient(clockAtBoot(loaded.floorAt, loaded.freshAt, 0));
  client.restore(loaded.objects, 0);
  const found = states.indexOf(versionsOf(client)) - 1;
  if (found < told.saved || found > told.saving) {
    problems.push(`the cache holds state ${String(found)}, told were ${String(told.saved)} to ${String(told.saving)}`);
  }
  const newest = Math.max(told.clock, told.saved);
  if (told.clock >= 0 && (loaded.floorAt < site.at + told.clock || loaded.floorAt > site.at + newest)) {
    problems.push(`the clock holds ${String(loaded.floorAt - site.at)}, told was ${String(told.clock)}`);
  }
  if (readdirSync(path).some((name) => name.endsWith(".tmp"))) problems.push("leftovers");
  return problems;
}
