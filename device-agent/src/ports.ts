import type { FaultCode, RowPosition, UsageRow } from "@badgekey/shared";

/** Ports of the agent: types only. Drivers implement them, agent.ts uses them, main.ts joins both. */

/** A card or phone in a reader's field, until it leaves it. */
export interface Card {
  /** Rises by one with every presentation of this reader object. */
  readonly presentation: number;
  readonly reader: string;
  readonly atr: Uint8Array;
  /** Sends one APDU; resolves with data and status word. Rejects with CardGoneError once the card has left. One at a time. */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
}

export class CardGoneError extends Error {
  override readonly name = "CardGoneError";
}

export type ReaderEvent =
  | { readonly kind: "readerReady"; readonly reader: string }
  | { readonly kind: "readerLost"; readonly reader: string; readonly reason: string }
  | { readonly kind: "cardPresented"; readonly card: Card }
  | { readonly kind: "cardRemoved"; readonly reader: string; readonly presentation: number };

/** A source of cards. `start` never throws for absent hardware: that is a `readerLost` event and is retried inside. */
export interface Reader {
  start(onEvent: (event: ReaderEvent) => void): void;
  close(): Promise<void>;
}

/** A contact that fails open. Closed only for `ms`; the interlock's loop renews, no driver does (SAFETY R2). */
export interface Relay {
  /** Resolves with the holder's acknowledgement; rejects when none came in 250 ms. */
  permit(ms: number): Promise<void>;
  /** Opens at once; resolves with the acknowledgement. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** What must survive a restart beside the rows: out of service, latched faults, the open session, counters, the time floor. */
export type Marks = ReadonlyMap<string, Uint8Array>;
/** Sets (bytes) or removes (null) marks. */
export type MarkChanges = ReadonlyMap<string, Uint8Array | null>;

export interface JournalHead extends RowPosition {
  /** The chain after the newest row: 32 bytes. */
  readonly chain: Uint8Array;
}

/** The append-only journal. One writer; lives in a worker thread, so nothing here blocks the caller's loop. */
export interface Journal {
  /** Rows and mark changes in one durable commit (WAL, synchronous=FULL). Resolves once durable, with the new head. */
  append(bodies: readonly Uint8Array[], marks?: MarkChanges): Promise<JournalHead>;
  /** Rows not yet acknowledged that lie after `after` (or from the oldest), oldest first. */
  rowsAfter(after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]>;
  /** Drops rows up to a position if `chain` equals our own hash there; "mismatch" drops nothing. */
  acknowledge(upTo: RowPosition, chain: Uint8Array): Promise<"dropped" | "mismatch">;
  pendingCount(): Promise<number>;
  close(): Promise<void>;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly head: JournalHead;
  readonly marks: Marks;
  /** Set when damage was found: the old file was moved aside, salvaged rows were taken over, the rest is lost. */
  readonly salvage?: { readonly movedTo: string; readonly rowsKept: number; readonly reason: string };
}

export type RelayFault = Extract<FaultCode, "RELAY_UNRESPONSIVE">;
