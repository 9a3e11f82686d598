import { copyFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Enrolment } from "../enrolment/enrolment-file.js";
import { JournalError, openJournal } from "../journal/journal.js";
import { journalPath } from "./data-folder.js";
import type { DoctorProbes } from "./doctor-probes.js";
import { type Finding, failed, ok, warning } from "./finding.js";

/** A journal past this is looked at by the agent alone: its copy would fill the disk that is looked at. */
const MOST_COPIED_BYTES = 512e6;

type JournalProbes = Pick<DoctorProbes, "read" | "user">;

/** Whether another process has the journal open: the agent runs. Asked of the kernel, so that nothing is touched. */
export async function isAgentRunning(dataDir: string, { read }: Pick<DoctorProbes, "read">): Promise<boolean> {
  const file = await stat(journalPath(dataDir)).catch(() => undefined);
  const locks = (await read("/proc/locks")) ?? "";
  return file !== undefined && new RegExp(`\\bWRITE\\b.*:${String(file.ino)}\\s`).test(locks);
}

/**
 * Whether the journal is whole, on a copy of it: opening would salvage a damaged one, which is the agent's to do. One
 * that a running agent holds is as it should be.
 */
export async function checkJournal(
  enrolment: Enrolment,
  dataDir: string,
  { read, user }: JournalProbes,
): Promise<readonly Finding[]> {
  const path = journalPath(dataDir);
  const asides = await movedAside(path);
  const file = await stat(path).catch(() => undefined);
  if (!file) return [...asides, ok("journal", "none yet: the first start makes it")];
  if (await isAgentRunning(dataDir, { read })) return [...asides, ok("journal", "in use by the running agent")];
  if (file.size > MOST_COPIED_BYTES) {
    return [
      ...asides,
      warning("journal", `${megabytes(file.size)}: not looked at`, "start the agent: it looks through all of it"),
    ];
  }
  const copy = await mkdtemp(join(tmpdir(), "badgekey-doctor-"));
  try {
    await copyJournal(path, copy);
    return [...asides, await judgeCopy(enrolment, copy)];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    const mend = `run doctor as that user: sudo -u '#${String(file.uid)}' …`;
    return [warning("journal", `belongs to another user than this one (${String(user)}): not looked at`, mend)];
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function judgeCopy({ site, agent }: Enrolment, folder: string): Promise<Finding> {
  const path = journalPath(folder);
  try {
    // The copy is thrown away: no ballast is needed beside it.
    const opened = await openJournal({
      path,
      site,
      agent,
      bootFloor: 0,
      bootsFile: join(folder, "boots"),
      ballastBytes: 0,
    });
    const { journal, salvage } = opened;
    const pending = await journal.pendingCount();
    await journal.close();
    if (!salvage) return ok("journal", `whole, ${String(pending)} records not yet acknowledged`);
    const { rowsKept, rowsLost, reason, marksLost } = salvage;
    const lost = `${String(rowsLost)} records lost, ${String(rowsKept)} kept${marksLost ? "; the machine will start out of service" : ""}`;
    return warning(
      "journal",
      `is damaged (${reason}): ${lost}`,
      "start the agent: it saves what can be saved, and keeps the damaged file",
    );
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    return failed("journal", error.message, "name another dataDir and enrol anew, with --replace; keep the old folder");
  }
}

async function copyJournal(path: string, folder: string): Promise<void> {
  const name = basename(path);
  const wanted = new Set([name, `${name}-wal`]);
  for (const found of await readdir(dirname(path))) {
    if (wanted.has(found)) await copyFile(join(dirname(path), found), join(folder, found));
  }
}

/** Damaged journals that the agent has kept for whoever looks into them. */
async function movedAside(path: string): Promise<readonly Finding[]> {
  const names = await readdir(dirname(path)).catch(() => []);
  const kept = names.filter((name) => name.startsWith(`${basename(path)}.damaged-`) && !name.endsWith("-wal"));
  if (kept.length === 0) return [];
  const mend = `have them looked into; then: rm ${join(dirname(path), `${basename(path)}.damaged-*`)}`;
  return [warning("journal", `was damaged before: ${kept.join(", ")}`, mend)];
}

function megabytes(bytes: number): string {
  return `${String(Math.round(bytes / 1e6))} MB`;
}
