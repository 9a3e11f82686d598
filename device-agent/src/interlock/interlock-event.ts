import type { BadgeCode, FaultCode, Lockout, MachinePolicy, UsageRecord } from "@badgekey/shared";
import type { Candidate, InterlockState } from "./interlock-state.js";

/** What a session's end was. Travels as the record's `reason`. */
export type EndReason =
  | "tap"
  | "button"
  | "time"
  | "idle"
  | "supervision"
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

export type InputName = keyof MachinePolicy["wiring"]["inputs"];

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
  /**
   * A debounced contact of the machine; buttons act when they become active. `session` (8 random bytes) names the use
   * that a press may begin.
   */
  | { readonly kind: "inputChanged"; readonly input: InputName; readonly active: boolean; readonly session: Uint8Array }
  /** Nobody knows any more how the contact stands. */
  | { readonly kind: "inputLost"; readonly input: InputName }
  /** A card without a badge that counts, at a machine that is open to everyone. */
  | { readonly kind: "openTap"; readonly session: Uint8Array }
  /** The end button of the screen. */
  | { readonly kind: "endPressed" }
  /** At the screen, with one of the policy's reasons; the machine's own button comes as an input. */
  | { readonly kind: "problemReported"; readonly reason: string }
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
  /** `sessionStarted` of this session, the running one unless named, was not committed in time (SAFETY R8). */
  | { readonly kind: "startNotLogged"; readonly session?: Uint8Array }
  | { readonly kind: "policyChanged" }
  /** The running session's badge is withdrawn, or good again. */
  | { readonly kind: "badgeStatusChanged"; readonly status: "good" | "withdrawn"; readonly code?: BadgeCode }
  | { readonly kind: "readerLost" }
  | { readonly kind: "readerBack" }
);
export type InterlockEventKind = InterlockEvent["kind"];

/** A usage record before the loop puts instant, clock state and machine to it: `step` knows none of them. */
export type InterlockRecord = Omit<UsageRecord, "at" | "clock" | "machine" | "upMs">;

export interface Step {
  readonly state: InterlockState;
  /** In the order in which they happened. */
  readonly records: readonly InterlockRecord[];
}
