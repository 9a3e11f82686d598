import type { BadgeView, JobView } from "@badgekey/shared";
import type { VirtualCard } from "@badgekey/shared/testing";
import type { DemoSite } from "./site.js";

/** A card was not written; `code` as the agent or the gateway gave it. */
export class CardJobError extends Error {
  override readonly name = "CardJobError";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

const JOB_MS = 20_000;

/** Writes a badge to a card on a machine's reader, the way staff do it; resolves with the badge as it is then. */
export async function writeCardAt(
  site: DemoSite,
  machineId: string,
  badge: BadgeView,
  card: VirtualCard,
): Promise<BadgeView> {
  const { bench } = site.machine(machineId);
  const started = await site.api.writeBadge(badge.id, { agent: machineId, seconds: 30 });
  bench.insert(card);
  try {
    await endOfJob(site, started);
  } finally {
    bench.remove();
  }
  return site.api.badge(badge.id);
}

/** Resolves when a job is done; throws CardJobError when it failed. */
export async function endOfJob(site: DemoSite, started: JobView): Promise<JobView> {
  const job = await site.changes.until(`card job at ${started.agent}`, JOB_MS, () => {
    const now = site.live.jobs.get(started.id) ?? started;
    return now.state === "done" || now.state === "failed" ? now : undefined;
  });
  if (job.state === "failed") throw new CardJobError(job.code ?? "CONFLICT", job.detail ?? "the card was not written");
  return job;
}
