import type { Instant, RowPosition, UsageRecord } from "@badgekey/shared";

/** Where an agent's chain stands: everything up to here is held without a hole, but for the gaps noted. */
export interface ChainHead extends RowPosition {
  /** 32 bytes. */
  readonly chain: Uint8Array;
  /** Rows held beyond a hole. */
  readonly pending: number;
}

/** Packets to commit together: packet i is of `agents[i]` and ends at `ends[i]` in `bytes`. */
export interface PacketBatch {
  readonly receivedAt: Instant;
  readonly agents: readonly string[];
  readonly ends: readonly number[];
  readonly bytes: Uint8Array;
  /** Rows to hand back decoded, at most; those of card jobs come always. */
  readonly mostRows: number;
}

/** A row that the batch brought and that nobody had before. */
export interface NewRow extends RowPosition {
  readonly agent: string;
  readonly record: UsageRecord;
}

export interface SecurityFinding {
  readonly agent: string;
  readonly code: string;
  readonly detail: string;
}

export interface CommittedBatch {
  readonly stored: number;
  readonly duplicates: number;
  /** Heads that moved. */
  readonly heads: readonly (ChainHead & { readonly agent: string })[];
  readonly rows: readonly NewRow[];
  readonly findings: readonly SecurityFinding[];
}

/** The usage log's hot side. */
export interface UsageJournal {
  /** One durable commit (WAL, synchronous=FULL); rejects when nothing of it was committed. */
  commit(batch: PacketBatch): Promise<CommittedBatch>;
  /** The agent's head; undefined where no row of it is held. */
  head(agent: string): Promise<ChainHead | undefined>;
  /**
   * Gives up a hole when the agent's own report shows that it holds no row we lack: with `pending` rows left up to
   * `journal`, all of them held here, what is missing before them is lost. Resolves with the new head, or undefined.
   */
  settleGap(
    agent: string,
    journal: RowPosition & { readonly chain: Uint8Array; readonly pending: number },
    at: Instant,
  ): Promise<ChainHead | undefined>;
}
