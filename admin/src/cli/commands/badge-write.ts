import type { JobView } from "@badgekey/shared";
import type { Api } from "../../api/index.js";
import { RefusedError } from "../io.js";
import type { CliSession } from "../session.js";

export interface WriteOptions {
  readonly on: string;
  readonly seconds?: number;
  readonly cardUid?: string;
}

/** How often a job is looked at, ms: a person must see "keep the card still" while the card is being written. */
const EVERY_MS = 300;

/**
 * Writes a badge to the next card on an agent's reader and tells what happens meanwhile. Throws RefusedError when it
 * failed.
 */
export async function writeBadge(session: CliSession, badge: string, options: WriteOptions): Promise<void> {
  const api = await session.api();
  const seconds = options.seconds ?? 60;
  const job = await api.writeBadge(badge, {
    agent: options.on,
    seconds,
    ...(options.cardUid !== undefined && { cardUid: options.cardUid.toLowerCase() }),
  });
  const done = await follow(session, api, job, session.io.now() + seconds * 1000);
  if (done.state === "failed") {
    session.out.settle("not written");
    throw new RefusedError(done.detail ?? "the card was not written", {
      hint: "put the card back and try again: a badge half written opens nothing",
      ...(done.code !== null && { code: done.code }),
    });
  }
  session.out.settle("written: the card can be taken away");
  session.out.facts(done, [
    ["badge", done.badge],
    ["card", done.cardUid],
    ["written at", done.agent],
  ]);
  session.out.next("tap the card at a machine");
}

async function follow({ out, io }: CliSession, api: Api, first: JobView, until: number): Promise<JobView> {
  let job = first;
  while (job.state === "waitingForCard" || job.state === "writing") {
    const left = Math.max(0, Math.ceil((until - io.now()) / 1000));
    out.progress(
      job.state === "writing"
        ? "writing: do as the machine’s screen says, and hold the card still"
        : `put the card on the reader of ${job.agent}: ${left} s left`,
    );
    await io.sleep(EVERY_MS);
    job = await api.job(job.id);
  }
  return job;
}
