import { mkdir } from "node:fs/promises";
import { type TrustClient, withBatteryClock } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import { type Enrolment, enrolmentFolder } from "../enrolment/enrolment-file.js";
import { JournalError, openJournal } from "../journal/journal.js";
import type { MonotonicClock, OpenedJournal } from "../ports.js";
import { diskFolder } from "../site-state/durable-folder.js";
import { restoreSiteState } from "../site-state/restore-site-state.js";
import { type FileSiteStateStore, siteStateStore } from "../site-state/site-state-store.js";
import { readBatteryClock } from "./battery-clock.js";
import { journalPath, siteStateFolder } from "./data-folder.js";
import { RefusedError } from "./refused-error.js";

type Log = Pick<BaseLogger, "info" | "warn" | "error">;

/** The cache, and a trust client that has been brought back to where it was. */
export async function restoreTrust(
  enrolment: Enrolment,
  dataDir: string,
  { clock, log }: { readonly clock: MonotonicClock; readonly log: Log },
): Promise<{ readonly store: FileSiteStateStore; readonly trust: TrustClient; readonly damaged: readonly string[] }> {
  const store = siteStateStore({ disk: diskFolder(siteStateFolder(dataDir)), roots: enrolment.roots, log });
  const restored = restoreSiteState(await store.load(), { ...enrolment, monotonicMs: clock.nowMs() });
  if (!restored.ok) {
    throw new RefusedError(
      `${restored.code}: the root in ${enrolmentFolder(dataDir)} is not the site's`,
      "have a new invite made, then: badgekey-agent enroll --replace",
    );
  }
  const { trust, damaged } = restored.value;
  if (damaged.length > 0)
    log.error({ damaged }, "the cache was damaged: what could not be read is refused until it comes again");
  const batteryAt = await readBatteryClock();
  if (batteryAt !== undefined) trust.setClock(withBatteryClock(trust.clock, batteryAt, clock.nowMs()));
  return { store, trust, damaged };
}

/** The journal of this agent; its boot number is at least the trusted time in seconds when no older one can be read. */
export async function openJournalOrRefuse(
  enrolment: Enrolment,
  dataDir: string,
  { nowAt, log }: { readonly nowAt: number; readonly log: Log },
): Promise<OpenedJournal> {
  const path = journalPath(dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  try {
    const { site, agent } = enrolment;
    const opened = await openJournal({ path, site, agent, bootFloor: Math.floor(nowAt / 1_000) });
    if (opened.salvage) log.error({ salvage: opened.salvage }, "the journal was damaged: what could be read was kept");
    return opened;
  } catch (cause) {
    if (!(cause instanceof JournalError)) throw cause;
    const hint = cause.code?.startsWith("SQLITE_BUSY")
      ? "only one agent may use a dataDir: stop the other one, or name another dataDir"
      : "badgekey-agent doctor says more";
    throw new RefusedError(cause.message, hint, { cause });
  }
}
