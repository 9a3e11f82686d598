import { stat, statfs } from "node:fs/promises";
import { TrustClient, clockAtBoot } from "@badgekey/shared";
import type { Enrolment } from "../enrolment/enrolment-file.js";
import { JournalError, openJournal } from "../journal/journal.js";
import { type Disk, diskFolder } from "../site-state/durable-folder.js";
import { siteStateStore } from "../site-state/site-state-store.js";
import { journalPath, siteStateFolder } from "./data-folder.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Lists in the cache and how old they are. `now`: the computer's own clock, to tell ages to a person only. */
export async function checkLists(enrolment: Enrolment, dataDir: string, now: number): Promise<readonly Finding[]> {
  const skipped: string[] = [];
  const log = { warn: (details: unknown) => void skipped.push(fileNamed(details)) };
  const disk = readOnly(diskFolder(siteStateFolder(dataDir)));
  const loaded = await siteStateStore({ disk, roots: enrolment.roots, log }).load();
  const clock = clockAtBoot(loaded.floorAt, loaded.freshAt, 0);
  const started = TrustClient.start(loaded.firstRoot, {
    site: enrolment.site,
    agent: enrolment.agent,
    clock,
    monotonicMs: 0,
  });
  if (!started.ok)
    return [failed("lists", `the enrolled root is refused: ${started.code}`, "enrol anew, with --replace")];
  const client = started.value;
  const refused = client
    .restore(loaded.objects, 0)
    .map(({ outcome }, index) => ({ outcome, name: loaded.objects[index]?.name ?? "" }))
    .filter(({ outcome }) => outcome !== "accepted" && outcome !== "repeated");
  const { trust, policy, applied } = client.state;
  const connect = "start the agent while the gateway is in reach: it fetches them";
  const findings: Finding[] = [];
  if (!trust || !policy) findings.push(failed("lists", "none yet: every card is refused", connect));
  else {
    const held = [...applied].map(([name, { version }]) => `${name} ${String(version)}`).join(", ");
    findings.push(ok("lists", held));
    findings.push(ageOf(loaded.freshAt, now, connect));
    if (trust.expiresAt - now < 30 * DAY_MS) {
      const day = new Date(trust.expiresAt).toISOString().slice(0, 10);
      findings.push(warning("lists", `the trust list ends on ${day}`, "see to the deadlines in the console"));
    }
  }
  const bad = [...skipped, ...refused.map(({ name, outcome }) => `${name}: ${outcome}`)];
  if (bad.length > 0) findings.push(warning("lists", `left out: ${bad.join(", ")}`, connect));
  return findings;
}

function ageOf(freshAt: number, now: number, mend: string): Finding {
  if (freshAt === 0) return warning("contact", "the gateway has never confirmed the time to this agent", mend);
  const hours = Math.max(0, Math.round((now - freshAt) / HOUR_MS));
  const detail = `confirmed ${hours < 48 ? `${String(hours)} hours` : `${String(Math.round(hours / 24))} days`} ago`;
  return hours > 24 ? warning("contact", detail, mend) : ok("contact", detail);
}

/** Whether the journal is whole. A running agent holds it, which is as it should be. */
export async function checkJournal(enrolment: Enrolment, dataDir: string, user: number | undefined): Promise<Finding> {
  const path = journalPath(dataDir);
  const file = await stat(path).catch(unlessAbsent);
  if (!file) return ok("journal", "none yet: the first start makes it");
  if (user !== undefined && user !== file.uid) {
    // Opening may write files beside it, which the agent then could not open.
    return warning(
      "journal",
      "belongs to another user: not looked at",
      `run doctor as that user: sudo -u '#${String(file.uid)}' …`,
    );
  }
  try {
    const { journal, salvage } = await openJournal({
      path,
      site: enrolment.site,
      agent: enrolment.agent,
      bootFloor: 0,
    });
    const pending = await journal.pendingCount();
    await journal.close();
    if (!salvage) return ok("journal", `whole, ${String(pending)} records not yet acknowledged`);
    return warning("journal", `was damaged: ${salvage.reason}`, `keep ${salvage.movedTo} for whoever looks into it`);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    if (error.code?.startsWith("SQLITE_BUSY")) return ok("journal", "in use by the running agent");
    return failed("journal", error.message, `give this user the right to write ${dataDir}, or name another dataDir`);
  }
}

export async function checkDisk(dataDir: string): Promise<Finding> {
  const space = await statfs(dataDir).catch(unlessAbsent);
  if (!space) return failed("disk", `${dataDir} is not there`, "badgekey-agent enroll makes it");
  const free = space.bavail / Math.max(1, space.blocks);
  const detail = `${String(Math.round((space.bavail * space.bsize) / 1e6))} MB free (${String(Math.round(100 * free))} %)`;
  const mend = `see what takes the room: sudo du -xh -d2 / | sort -h | tail`;
  if (free < 0.02) return failed("disk", detail, mend);
  return free < 0.1 ? warning("disk", detail, mend) : ok("disk", detail);
}

function unlessAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

function fileNamed(details: unknown): string {
  return (details as { readonly file?: string }).file ?? "a file";
}

/** Looks and changes nothing: the agent may be writing into the same folder. */
function readOnly(disk: Disk): Disk {
  return { ...disk, remove: () => Promise.resolve(), syncNames: () => Promise.resolve() };
}
