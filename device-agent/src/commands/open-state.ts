import { mkdir } from "node:fs/promises";
import { TrustClient, clockAtBoot, withBatteryClock } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import { type Enrolment, enrolmentFolder } from "../enrolment/enrolment-file.js";
import { JournalError, openJournal } from "../journal/journal.js";
import type { MonotonicClock, OpenedJournal } from "../ports.js";
import { diskFolder } from "../site-state/durable-folder.js";
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
): Promise<{ readonly store: FileSiteStateStore; readonly trust: TrustClient }> {
  const store = siteStateStore({ disk: diskFolder(siteStateFolder(dataDir)), roots: enrolment.roots, log });
  const loaded = await store.load();
  const monotonicMs = clock.nowMs();
  const started = TrustClient.start(loaded.firstRoot, {
    site: enrolment.site,
    agent: enrolment.agent,
    clock: clockAtBoot(loaded.floorAt, loaded.freshAt, monotonicMs),
    monotonicMs,
  });
  if (!started.ok) {
    throw new RefusedError(
      `${started.code}: the root in ${enrolmentFolder(dataDir)} is not the site's`,
      "have a new invite made, then: badgekey-agent enroll --replace",
    );
  }
  const trust = started.value;
  trust.restore(loaded.objects, monotonicMs).forEach(({ outcome, detail }, index) => {
    if (outcome === "accepted" || outcome === "repeated") return;
    log.warn({ name: loaded.objects[index]?.name, code: outcome, detail }, "an object in the cache was refused");
  });
  const batteryAt = await readBatteryClock();
  if (batteryAt !== undefined) trust.setClock(withBatteryClock(trust.clock, batteryAt, clock.nowMs()));
  return { store, trust };
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
