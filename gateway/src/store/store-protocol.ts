import type { CommittedBatch, ChainHead, PacketBatch } from "../usage/ports.js";
import type { JournalPosition, QueryOutcome, SqlValue } from "./store-engine.js";

/** What goes between the gateway's loop and the store's thread. */
export type StoreRequest =
  | { readonly kind: "query"; readonly sql: string; readonly parameters: readonly SqlValue[] }
  | { readonly kind: "openUsage"; readonly site: Uint8Array }
  | { readonly kind: "commit"; readonly batch: PacketBatch }
  | { readonly kind: "head"; readonly agent: string }
  | { readonly kind: "settleGap"; readonly agent: string; readonly journal: JournalPosition; readonly at: number }
  | { readonly kind: "close" };

export type StoreResult = QueryOutcome | CommittedBatch | ChainHead | undefined;

export interface StoreFailure {
  readonly message: string;
  /** SQLite's, where it was SQLite. */
  readonly code?: string;
  readonly stack?: string;
}

export type StoreReply =
  | { readonly id: number; readonly ok: true; readonly result: StoreResult }
  | { readonly id: number; readonly ok: false; readonly failure: StoreFailure };
