import { type Instant, type UsageRecord, fromHex, toHex } from "@badgekey/shared";
import { randomText } from "../random-text.js";
import { RefusedError } from "../refused.js";
import type { CommandAction } from "@badgekey/shared";
import type { CardJob, JobStore } from "./ports.js";

export interface CardJobDeps {
  readonly store: JobStore;
  readonly send: (agent: string, action: CommandAction) => Promise<unknown>;
  /** What to write: signs it for this card where it waited for one; refuses with a code. */
  readonly badgeFor: (badge: string, cardUid: string) => Promise<Uint8Array>;
  /** Bytes of a badge signed already, and the card it is bound to; undefined where it waits for its card. */
  readonly signedBadge: (
    badge: string,
  ) => Promise<{ readonly bytes: Uint8Array; readonly cardUid: string | null } | undefined>;
  readonly announce: (job: CardJob) => void;
  readonly clock: () => Instant;
}

/** After the card's time on the reader is over, the agent's answer may still be on its way. */
const GRACE_MS = 10_000;

/** Jobs at an agent's reader: read a card, or read it, sign the badge for it and write it. */
export class CardJobs {
  /** Results of one job are taken one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(readonly deps: CardJobDeps) {}

  /** Refused: AGENT_UNREACHABLE. */
  async readCard(agent: string, seconds: number): Promise<CardJob> {
    const job = this.#newJob({ kind: "readCard", agent, badge: null, seconds });
    await this.#begin(job, { kind: "readCard", job: job.id, seconds });
    return job;
  }

  /** Refused: AGENT_UNREACHABLE, and whatever keeps the badge from being written. */
  async writeCard(
    badge: string,
    { agent, seconds, cardUid }: { readonly agent: string; readonly seconds: number; readonly cardUid?: string },
  ): Promise<CardJob> {
    const job = this.#newJob({ kind: "writeCard", agent, badge, seconds });
    const signed = await this.deps.signedBadge(badge);
    if (!signed && cardUid === undefined) {
      await this.#begin(job, { kind: "readCard", job: job.id, seconds });
      return job;
    }
    const uid = cardUid ?? signed?.cardUid ?? null;
    const bytes = uid === null ? signed?.bytes : await this.deps.badgeFor(badge, uid);
    if (!bytes) throw new Error("a badge that is not signed needs a card");
    const writing: CardJob = { ...job, cardUid: uid };
    await this.#begin(writing, writeCommand(writing, bytes, seconds));
    return writing;
  }

  /** Refused: NOT_FOUND. */
  async job(id: string): Promise<CardJob> {
    const job = await this.deps.store.job(id);
    if (!job) throw new RefusedError("NOT_FOUND", `there is no job ${id}`);
    return job;
  }

  /** Takes what an agent's journal says of a job. Records of other jobs and agents are ignored. */
  take(agent: string, record: UsageRecord): Promise<void> {
    const mine = this.#last.then(() => this.#take(agent, record));
    // Whoever called hears of a failure; the results behind it are taken all the same.
    this.#last = mine.then(nothing, nothing);
    return mine;
  }

  /** Fails the jobs whose time is over; call it every second or so. */
  async sweep(): Promise<void> {
    const now = this.deps.clock();
    for (const job of await this.deps.store.openJobs()) {
      if (now < job.expiresAt) continue;
      await this.#save({ ...job, state: "failed", code: "AGENT_UNREACHABLE", detail: "no card was presented in time" });
    }
  }

  async #take(agent: string, record: UsageRecord): Promise<void> {
    if (record.job === undefined || (record.kind !== "cardRead" && record.kind !== "cardWritten")) return;
    const job = await this.deps.store.job(record.job);
    if (job?.agent !== agent || job.state === "done" || job.state === "failed") return;
    const seen = record.uid ? { ...job, cardUid: toHex(record.uid) } : job;
    if (record.code !== undefined) {
      await this.#save({ ...seen, state: "failed", code: record.code, detail: record.reason ?? null });
    } else if (record.kind === "cardWritten" || job.kind === "readCard") {
      await this.#save({ ...seen, state: "done" });
    } else {
      await this.#write(seen);
    }
  }

  async #write(job: CardJob): Promise<void> {
    const { clock, badgeFor, send } = this.deps;
    try {
      if (job.cardUid === null || job.badge === null)
        throw new RefusedError("CONFLICT", "the agent read no card number");
      const bytes = await badgeFor(job.badge, job.cardUid);
      const seconds = Math.max(1, Math.floor((job.expiresAt - GRACE_MS - clock()) / 1000));
      await this.#save({ ...job, state: "writing" });
      await send(job.agent, writeCommand(job, bytes, seconds));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      await this.#save({ ...job, state: "failed", code: error.code, detail: error.message });
    }
  }

  #newJob({ kind, agent, badge, seconds }: Pick<CardJob, "kind" | "agent" | "badge"> & { seconds: number }): CardJob {
    const createdAt = this.deps.clock();
    const expiresAt = createdAt + seconds * 1000 + GRACE_MS;
    const fresh = { state: "waitingForCard", cardUid: null, code: null, detail: null } as const;
    return { id: randomText(12), kind, agent, badge, ...fresh, createdAt, expiresAt };
  }

  /** The job is known before the agent can answer it. */
  async #begin(job: CardJob, action: CommandAction): Promise<void> {
    await this.deps.store.addJob(job);
    try {
      await this.deps.send(job.agent, action);
    } catch (error) {
      if (error instanceof RefusedError) {
        await this.#save({ ...job, state: "failed", code: error.code, detail: error.message });
      }
      throw error;
    }
    this.deps.announce(job);
  }

  async #save(job: CardJob): Promise<void> {
    await this.deps.store.saveJob(job);
    this.deps.announce(job);
  }
}

function nothing(): void {
  // The outcome is somebody else's.
}

function writeCommand(job: CardJob, badge: Uint8Array, seconds: number): CommandAction {
  return { kind: "writeCard", job: job.id, badge, ...(job.cardUid !== null && { uid: fromHex(job.cardUid) }), seconds };
}
