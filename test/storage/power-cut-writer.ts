import { openSync, writeSync } from "node:fs";
import { TrustClient } from "@badgekey/shared";
import { diskFolder, openJournal, siteStateStore } from "@badgekey/device-agent";
import { AGENT, bodyOf, marksOf, offers, site, storyJournal } from "./story.js";

/**
 * Writes a journal over two boots and a site-state cache, and notes in `notes`, in the order of the trace, what was
 * asked for and what was acknowledged. STORY_RECORDS: how many records.
 */
const folder = process.env["FAULT_ROOT"];
if (folder === undefined) throw new Error("FAULT_ROOT names the folder");
const records = Number(process.env["STORY_RECORDS"] ?? 80);
const notes = openSync(`${folder}/notes`, "a");
const note = (...words: (string | number)[]): void => void writeSync(notes, `${words.join(" ")}\n`);

async function writeJournal(from: number, to: number): Promise<void> {
  const { journal, head } = await openJournal(storyJournal(folder as string));
  note("boot", head.boot);
  for (let n = from; n < to;) {
    // Now and then some at once: they share a commit.
    const group = n % 7 === 0 ? 3 : 1;
    const appends = Array.from({ length: group }, (_, at) => n + at).map(async (one) => {
      note("asked", one);
      const { boot, sequence } = await journal.append([bodyOf(one)], marksOf(one));
      note("done", one, boot, sequence);
    });
    await Promise.all(appends);
    n += group;
    if (n % 20 === 0) await dropSome(journal);
  }
  await journal.close();
}

async function dropSome(journal: Awaited<ReturnType<typeof openJournal>>["journal"]): Promise<void> {
  const rows = await journal.rowsAfter(undefined, 6);
  const [last, next] = rows.slice(-2);
  if (!last || !next) return;
  note("dropping", last.boot, last.sequence);
  const outcome = await journal.acknowledge(last, next.previous);
  if (outcome !== "dropped") throw new Error(outcome);
}

async function writeSiteState(): Promise<void> {
  const store = siteStateStore({
    disk: diskFolder(`${folder as string}/site-state`),
    roots: [site.rootBytes],
    log: { warn: (details: unknown) => note("warned", JSON.stringify(details)) },
  });
  const started = TrustClient.start(site.rootBytes, { site: site.site, agent: AGENT, monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  await store.load();
  for (const [index, [name, bytes]] of offers.entries()) {
    const offer = started.value.offer(name, bytes, 0);
    if (offer.outcome !== "accepted") throw new Error(`${name}: ${offer.outcome}`);
    note("saving", index);
    await store.save(offer.accepted, offer.removed);
    note("saved", index);
    await store.saveClock(site.at + index, site.at);
    note("clock", index);
  }
}

await Promise.all([writeJournal(0, records / 2), writeSiteState()]);
await writeJournal(records / 2, records);
