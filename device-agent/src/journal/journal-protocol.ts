import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { JournalHead } from "../ports.js";

/** What openJournal and its thread say to each other. Types only. */

/** Whose journal lies where. `bootFloor`: seconds of trusted floor, the least boot number when no older one can be read. */
export interface JournalSettings {
  readonly path: string;
  readonly site: Uint8Array;
  readonly agent: string;
  readonly bootFloor: number;
}

/** Bodies with the salt drawn for each, and the mark changes that become durable with them. */
export interface AppendPart {
  readonly rows: readonly { readonly body: Uint8Array; readonly salt: Uint8Array }[];
  readonly marks: readonly (readonly [name: string, value: Uint8Array | null])[];
}

/** What was found damaged, and what was saved of it. */
export interface SalvageReport {
  readonly movedTo: string;
  readonly rowsKept: number;
  /** Rows known to be missing among those kept; what lay behind the last kept row cannot be counted. */
  readonly rowsLost: number;
  readonly reason: string;
  /** True when a mark may be missing: out of service and latched faults are then unknown (SAFETY R5). */
  readonly marksLost: boolean;
}

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
  | { readonly kind: "failed"; readonly id: number; readonly failure: JournalFailure };
