import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { JournalHead, JournalSalvage, JournalStorage } from "../ports.js";

/** What openJournal and its thread say to each other. Types only. */

/**
 * Whose journal lies where. `bootFloor`: seconds of trusted floor, the least boot number when no older one can be read.
 */
export interface JournalSettings {
  readonly path: string;
  readonly site: Uint8Array;
  readonly agent: string;
  readonly bootFloor: number;
  /**
   * Keeps the newest boot number a second time, in a folder that outlives the journal's: no boot number is used twice
   * although the journal and the time floor are lost, and a journal that is missing is told as damage.
   */
  readonly bootsFile?: string | undefined;
  /** Room set aside for the last records of a full disk, bytes (SAFETY R19). */
  readonly ballastBytes: number;
  /** How often the room left is looked at, ms. */
  readonly storageEveryMs: number;
  /** Given to a thread that takes the place of one that ended: the same boot goes on. */
  readonly resume?: JournalResume | undefined;
}

/** What the callers of a thread that ended know of the file. */
export interface JournalResume {
  /** Everything up to here was acknowledged to the caller; rows behind it may be there or not. */
  readonly settled: JournalHead;
  readonly marks: ReadonlyMap<string, Uint8Array>;
}

/** Bodies with the salt drawn for each, and the mark changes that become durable with them. */
export interface AppendPart {
  readonly rows: readonly { readonly body: Uint8Array; readonly salt: Uint8Array }[];
  readonly marks: readonly (readonly [name: string, value: Uint8Array | null])[];
}

/** What was found damaged, and what was saved of it. */
export type SalvageReport = JournalSalvage;

export type JournalRequest =
  | ({ readonly kind: "append"; readonly id: number } & AppendPart)
  | { readonly kind: "rowsAfter"; readonly id: number; readonly after: RowPosition | undefined; readonly limit: number }
  | { readonly kind: "acknowledge"; readonly id: number; readonly upTo: RowPosition; readonly chain: Uint8Array }
  | { readonly kind: "pendingCount"; readonly id: number }
  | { readonly kind: "close"; readonly id: number };

export type JournalResult = JournalHead | readonly UsageRow[] | "dropped" | "mismatch" | number | null;

export interface JournalFailure {
  readonly message: string;
  readonly code?: string;
}

export type JournalReply =
  | {
      readonly kind: "opened";
      readonly head: JournalHead;
      readonly marks: ReadonlyMap<string, Uint8Array>;
      readonly salvage?: SalvageReport;
    }
  | { readonly kind: "refused"; readonly failure: JournalFailure }
  | { readonly kind: "done"; readonly id: number; readonly result: JournalResult }
  | { readonly kind: "failed"; readonly id: number; readonly failure: JournalFailure }
  | { readonly kind: "storage"; readonly storage: JournalStorage };
