import { type RowPosition, type UsageRow, encodeUsagePacket } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import type { Journal, Uplink } from "../ports.js";

export interface OutboxOptions {
  readonly journal: Pick<Journal, "rowsAfter">;
  readonly uplink: Pick<Uplink, "publish" | "connected">;
  readonly log: Pick<BaseLogger, "debug" | "info" | "warn">;
  /** Packets published and not yet acknowledged by the broker; 4 unless given. */
  readonly window?: number;
  /**
   * Rows sent and not acknowledged by the gateway's signature are sent again after so long, ms; 5 minutes unless given.
   */
  readonly resendAfterMs?: number;
  /** Pause after the journal or the uplink failed although it is there, ms; 5 s unless given. */
  readonly pauseMs?: number;
}

/**
 * Moves journal rows to the gateway. Keeps no rows: what it sends it reads, what is not acknowledged stays in the
 * journal.
 */
export interface Outbox {
  /** New rows are in the journal. */
  rowsWritten(): void;
  onConnected(): void;
  onDisconnected(): void;
  /** Sends nothing more; resolves when no read is under way. */
  close(): Promise<void>;
}

const RESEND_AFTER_MS = 300_000;
const MOST_RESEND_AFTER_MS = 3_600_000;
const PAUSE_MS = 5_000;
const MOST_ROWS = 32;
/** Below the broker's 64 KiB a packet, with the topic, and below what decodeUsagePacket reads. */
const MOST_BODY_BYTES = 56_000;
/** Position, chain, salt and heads of one row beside its body. */
const ROW_BYTES = 80;

/**
 * Pumps rows oldest first, a few packets at a time, at least once (SPEC 6.3): from the oldest row that the gateway's
 * signature has not acknowledged, again after every reconnect. The broker's acknowledgement is flow control only; rows
 * leave the journal by `Journal.acknowledge`, never from here.
 */
export function createOutbox(options: OutboxOptions): Outbox {
  return new UsageOutbox(options);
}

class UsageOutbox implements Outbox {
  readonly #options: OutboxOptions;
  readonly #window: number;
  /** Closed: for good. Waiting: for a connection, or for a pause to end. */
  #state: "waiting" | "running" | "closed" = "waiting";
  /** The last row handed to the uplink in this run. */
  #cursor: RowPosition | undefined;
  /** Rises with every start from the oldest row, so that answers to earlier packets change nothing. */
  #run = 0;
  #inFlight = 0;
  /** Set while there may be rows behind the cursor. */
  #mayHaveRows = true;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #resendAfterMs: number;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#window = options.window ?? 4;
    this.#resendAfterMs = options.resendAfterMs ?? RESEND_AFTER_MS;
  }

  rowsWritten(): void {
    this.#mayHaveRows = true;
    this.#pump();
  }

  onConnected(): void {
    this.#resendAfterMs = this.#options.resendAfterMs ?? RESEND_AFTER_MS;
    this.#startOver();
  }

  onDisconnected(): void {
    this.#stop("waiting");
  }

  async close(): Promise<void> {
    this.#stop("closed");
    await this.#reading;
  }

  #stop(state: "waiting" | "closed"): void {
    if (this.#state !== "closed") this.#state = state;
    this.#run += 1;
    clearTimeout(this.#timer);
  }

  #startOver(): void {
    if (this.#state === "closed") return;
    this.#stop("waiting");
    this.#state = "running";
    this.#cursor = undefined;
    this.#inFlight = 0;
    this.#mayHaveRows = true;
    this.#pump();
  }

  #pump(): void {
    if (this.#state !== "running" || this.#reading || !this.#options.uplink.connected) return;
    if (!this.#mayHaveRows || this.#inFlight >= this.#window) return;
    this.#reading = this.#sendNext(this.#run).finally(() => {
      this.#reading = undefined;
      this.#pump();
    });
  }

  async #sendNext(run: number): Promise<void> {
    // Before the read: rows written while it runs set it again.
    this.#mayHaveRows = false;
    const rows = await this.#options.journal.rowsAfter(this.#cursor, MOST_ROWS).catch((error: unknown) => {
      this.#pause(run, error, "the journal could not be read: usage records wait");
      return [];
    });
    if (run !== this.#run) {
      this.#mayHaveRows = true;
      return;
    }
    const packet = rows.slice(0, rowsInPacket(rows));
    const last = packet.at(-1);
    if (!last) {
      this.#checkAgainLater();
      return;
    }
    this.#mayHaveRows = true;
    this.#cursor = { boot: last.boot, sequence: last.sequence };
    this.#inFlight += 1;
    this.#options.uplink.publish("usage", encodeUsagePacket(packet)).then(
      () => this.#onTaken(run),
      (error: unknown) => this.#pause(run, error, "usage records were not taken: they are sent again"),
    );
  }

  #onTaken(run: number): void {
    if (run !== this.#run) return;
    this.#inFlight -= 1;
    this.#pump();
  }

  /**
   * After a failure everything starts from the oldest row: order is kept, and the gateway knows what it has already.
   */
  #pause(run: number, error: unknown, what: string): void {
    if (run !== this.#run) return;
    this.#stop("waiting");
    this.#options.log.debug({ err: error }, what);
    this.#timer = setTimeout(() => this.#startOver(), this.#options.pauseMs ?? PAUSE_MS);
  }

  /**
   * A gateway that came back from a backup, or an acknowledgement that was lost: what is still here is offered again.
   */
  #checkAgainLater(): void {
    clearTimeout(this.#timer);
    // Nothing sent in this run: nothing is owed. Else ever less often, should the gateway never acknowledge.
    if (!this.#cursor) return;
    this.#timer = setTimeout(() => this.#startOver(), this.#resendAfterMs);
    this.#resendAfterMs = Math.min(2 * this.#resendAfterMs, MOST_RESEND_AFTER_MS);
  }
}

/** How many of the rows fit into one packet; at least one, since a single row always does. */
function rowsInPacket(rows: readonly UsageRow[]): number {
  let bytes = 0;
  let count = 0;
  for (const { body } of rows) {
    bytes += body.length + ROW_BYTES;
    if (count > 0 && bytes > MOST_BODY_BYTES) break;
    count += 1;
  }
  return count;
}
