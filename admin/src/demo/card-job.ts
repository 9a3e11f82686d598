import type { BadgeView, JobView } from "@badgekey/shared";
import type { VirtualCard } from "@badgekey/shared/testing";
import type { Bench } from "./bench.js";
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
  const stopHelping = followScreen(site, bench, card);
  try {
    await endOfJob(site, await site.api.writeBadge(badge.id, { agent: machineId, seconds: 30 }));
  } finally {
    stopHelping();
    bench.remove();
  }
  return site.api.badge(badge.id);
}

/** A hand that does what the screen asks: lays the card on when it waits for one, lifts it when it is done. */
function followScreen(site: DemoSite, bench: Bench, card: VirtualCard): () => void {
  let seen = bench.state.screen;
  return site.changes.subscribe(() => {
    const { screen } = bench.state;
    if (screen === seen) return;
    seen = screen;
    if (screen?.tone === "busy" || screen?.tone === "warning") bench.insert(card);
    else bench.remove();
  });
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
