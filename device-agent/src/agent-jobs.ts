import type { TapCode } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { tapCodeOf } from "./agent-deps.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import type { Card } from "./ports.js";

/** What staff ordered to be done with the next card. */
export interface CardJob {
  readonly kind: "read" | "write";
  readonly job: string;
  readonly command: number;
  readonly untilMs: number;
  /** The badge to write. */
  readonly badge?: Uint8Array;
  /** The one card that may be written. */
  readonly uid?: Uint8Array;
}

const DONE_FOR_MS = 5_000;

/**
 * While a card job waits, the next card serves it and is no tap. One job and one card at a time; the newest job counts.
 */
export class CardJobs {
  readonly #context: AgentContext;
  #job: CardJob | undefined;
  /** How the last try at the job failed. */
  #failure: TapCode | undefined;
  /** A card is being read or written: nobody knows yet what will have been done to it. */
  #isServing = false;
  /** Takes the place of the job that is being served, once that is over. */
  #next: CardJob | undefined;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  get isWaiting(): boolean {
    return this.#job !== undefined;
  }

  begin(job: CardJob): void {
    if (this.#isServing) {
      if (this.#next) this.#tell(this.#next, REPLACED);
      this.#next = job;
      return;
    }
    if (this.#job) this.#end(this.#job, { ...REPLACED, ...(this.#failure && { code: this.#failure }) });
    this.#job = job;
    this.#failure = undefined;
    this.#context.notify({ kind: "waitsForCard", job: job.kind }, job.untilMs - this.#context.deps.clock.nowMs());
  }

  /** Gives up what no card came for. A card that is being served has come. */
  expire(nowMs: number): void {
    const job = this.#job;
    if (!job || this.#isServing || nowMs < job.untilMs) return;
    this.#end(job, {
      code: this.#failure ?? "CARD_UNREADABLE",
      reason: "no card came in time, or none was held still",
    });
    this.#context.notify(undefined);
  }

  /** A card on another reader meanwhile is neither served nor a tap. */
  async serve(card: Card): Promise<void> {
    const job = this.#job;
    if (!job || this.#isServing) return;
    this.#isServing = true;
    try {
      await this.#serve(job, card);
    } finally {
      this.#isServing = false;
    }
    const next = this.#next;
    this.#next = undefined;
    if (next) this.begin(next);
  }

  async #serve(job: CardJob, card: Card): Promise<void> {
    try {
      const uid = await this.#context.dialogue((signal) => this.#perform(job, card, signal));
      this.#end(job, { uid });
      this.#context.notify({ kind: "cardDone", job: job.kind }, DONE_FOR_MS);
    } catch (error) {
      const code = tapCodeOf(error);
      if (code === undefined)
        this.#context.deps.log.warn({ err: error }, "a card job failed for a reason that is not the card's");
      this.#fail(job, code ?? "CARD_UNREADABLE");
    }
  }

  async #perform(job: CardJob, card: Card, signal: AbortSignal): Promise<Uint8Array> {
    const { presentation } = this.#context;
    if (!job.badge) return presentation.readUid(card, { signal });
    const { uid } = await presentation.writeBadge(card, job.badge, { signal, ...(job.uid && { uid: job.uid }) });
    return uid;
  }

  /** A card lifted too early may come back as long as the job waits; any other trouble ends it. */
  #fail(job: CardJob, code: TapCode): void {
    if (code === "CARD_UNREADABLE") {
      this.#failure = code;
      this.#context.notify({ kind: "cardAgain" }, job.untilMs - this.#context.deps.clock.nowMs());
      return;
    }
    this.#end(job, { code });
    if (code === "CARD_MISMATCH") this.#context.notify({ kind: "cardWrong" });
    else this.#context.notify({ kind: "refused", missing: [{ code }] });
  }

  #end(job: CardJob, outcome: Partial<InterlockRecord>): void {
    this.#job = undefined;
    this.#tell(job, outcome);
  }

  #tell({ kind, job, command }: CardJob, outcome: Partial<InterlockRecord>): void {
    void this.#context.write([{ ...outcome, kind: kind === "read" ? "cardRead" : "cardWritten", job, command }]);
  }
}

const REPLACED = { code: "CARD_UNREADABLE", reason: "another job took its place" } as const;
