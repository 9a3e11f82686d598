import { existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { type Journal, diskFolder, openJournal, siteStateStore } from "@badgekey/device-agent";
import { checkJournal, hear, nothingTold } from "./check-disk.js";
import { FOLDERS, bodyOf, marksOf, site, storyJournal } from "./story.js";

/**
 * Runs in the guest: compares what the last power cut left on its disk with what was acknowledged to the host, then
 * writes journal, marks and site state until the next cut. Arguments: folder on the disk, folder of the host, "check"
 * or "write".
 */
const [, , folder, host, task] = process.argv;
if (folder === undefined || host === undefined) throw new Error("usage: vm-writer.js FOLDER HOST check|write");

const file = `${host}/notes`;
const told = nothingTold();
for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n") : []) hear(told, line);
for (const name of FOLDERS) mkdirSync(`${folder}/${name}`, { recursive: true });
const store = siteStateStore({
  disk: diskFolder(`${folder}/site-state`),
  roots: [site.rootBytes],
  log: { warn: () => undefined },
});

/** Version n of what the cache is given to keep. */
const policyOf = (n: number): Uint8Array => new TextEncoder().encode(`policy ${String(n)} `.repeat(40 + (n % 200)));

const found = checkJournal(folder, told);
const problems = [...found.problems, ...(await checkCache())];
console.log(`@@FOUND ${JSON.stringify({ ...found, problems, acknowledged: told.done.size })}`);
if (task === "write") {
  const notes = openSync(file, "a");
  const note = (...words: (string | number)[]): void => void writeSync(notes, `${words.join(" ")}\n`);
  const opened = await openJournal(storyJournal(folder));
  note("boot", opened.head.boot);
  console.log("@@WRITING");
  await Promise.all([writeJournal(opened.journal, note), writeCache(note)]);
}

async function checkCache(): Promise<readonly string[]> {
  const loaded = await store.load();
  const policy = loaded.objects.find(({ name }) => name === "policy");
  const n = Number(/^policy ([0-9]+) /.exec(Buffer.from(policy?.bytes ?? []).toString("latin1"))?.[1] ?? -1);
  const isWhole = n < 0 ? !policy : Buffer.from(policyOf(n)).equals(policy?.bytes ?? new Uint8Array());
  const at = loaded.floorAt === 0 ? -1 : loaded.floorAt - site.at;
  return [
    ...(isWhole ? [] : ["a policy that is neither the old one nor the new"]),
    ...(n < told.saved || n > told.saving
      ? [`policy ${String(n)} of ${String(told.saved)} to ${String(told.saving)}`]
      : []),
    ...(at < told.clock || at > told.saving ? [`clock ${String(at)} of ${String(told.clock)}`] : []),
  ];
}

async function writeJournal(journal: Journal, note: (...words: (string | number)[]) => void): Promise<never> {
  for (let n = Math.max(-1, ...told.asked) + 1; ; n++) {
    if (n % 40 === 0) await dropMost(journal, note);
    note("asked", n);
    const { boot, sequence } = await journal.append([bodyOf(n)], marksOf(n));
    note("done", n, boot, sequence);
  }
}

/** As after the gateway's acknowledgement. */
async function dropMost(journal: Journal, note: (...words: (string | number)[]) => void): Promise<void> {
  const [last, next] = (await journal.rowsAfter(undefined, 1_000)).slice(-2);
  if (!last || !next) return;
  note("dropping", last.boot, last.sequence);
  await journal.acknowledge(last, next.previous);
}

async function writeCache(note: (...words: (string | number)[]) => void): Promise<never> {
  for (let n = Math.max(told.saving, told.saved) + 1; ; n++) {
    note("saving", n);
    await store.save([{ name: "policy", bytes: policyOf(n) }], []);
    note("saved", n);
    await store.saveClock(site.at + n, site.at);
    note("clock", n);
  }
}
