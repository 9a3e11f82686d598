import type { BadgeCode, FaultCode, Lockout, UsageRecord } from "@badgekey/shared";
import type { Candidate, InterlockState } from "./interlock-state.js";

/** What a session's end was. Travels as the record's `reason`. */
export type EndReason =
  | "tap"
  | "button"
  | "time"
  | "removal"
  | "readerLost"
  | "command"
  | "handover"
  | "notStarted"
  | "withdrawn"
  | "outOfService"
  | "fault"
  | "stopped";

/** At once, in the middle of a use; or as soon as the machine is free (SAFETY R12). */
export type Severity = "openNow" | "whenIdle";

/** `atMs` is monotonic: no event carries a date, so that no jump of the clock can end a session (SAFETY R16). */
export type InterlockEvent = { readonly atMs: number } & (
  | { readonly kind: "started"; readonly lockout?: Lockout; readonly faults: readonly FaultCode[] }
  | { readonly kind: "stopped" }
  /** A badge that may open this machine was presented; `cardPresent` is false once its card has left again. */
  | { readonly kind: "tapAccepted"; readonly candidate: Candidate; readonly cardPresent: boolean }
  /** A genuine badge that may not open this machine now: its holder can still finish. `key` is the holder's. */
  | { readonly kind: "tapRefused"; readonly key: string }
  /** The card of the running session left the field. */
  | { readonly kind: "cardRemoved" }
  | { readonly kind: "startPressed" }
  | { readonly kind: "endPressed" }
  | { readonly kind: "endOrdered"; readonly by: string; readonly command: number }
  | { readonly kind: "tick" }
  | {
      readonly kind: "outOfServiceSet";
      readonly when: "now" | "whenFree";
      readonly lockout: Lockout;
      readonly command?: number;
    }
  | { readonly kind: "outOfServiceCleared"; readonly by: string; readonly command?: number }
  | { readonly kind: "faultRaised"; readonly fault: FaultCode; readonly severity: Severity }
  | { readonly kind: "faultCleared"; readonly fault: FaultCode; readonly by?: string }
  /** `sessionStarted` was not committed in time: no log, no start (SAFETY R8). */
  | { readonly kind: "startNotLogged" }
  | { readonly kind: "policyChanged" }
  /** The running session's badge is withdrawn, or good again. */
  | { readonly kind: "badgeStatusChanged"; readonly status: "good" | "withdrawn"; readonly code?: BadgeCode }
  | { readonly kind: "readerLost" }
);
export type InterlockEventKind = InterlockEvent["kind"];

/** A usage record before the loop puts instant, clock state and machine to it: `step` knows none of them. */
export type InterlockRecord = Omit<UsageRecord, "at" | "clock" | "machine" | "upMs">;

export interface Step {
  readonly state: InterlockState;
  /** In the order in which they happened. */
  readonly records: readonly InterlockRecord[];
}
