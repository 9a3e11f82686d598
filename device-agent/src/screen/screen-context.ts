import type { ClockState, Instant, MachinePolicy, TapCode } from "@badgekey/shared";
import type { Missing } from "../tap/tap-verdict.js";
import type { Messages } from "./messages/messages.js";

/** What happened a moment ago, or waits at the reader: shown for a few seconds in place of the state. */
export type Notice =
  | { readonly kind: "refused"; readonly missing: readonly [Missing, ...Missing[]] }
  | { readonly kind: "finished"; readonly durationMs: number }
  | { readonly kind: "interrupted" }
  | { readonly kind: "takeCardAway" }
  | { readonly kind: "waitsForCard"; readonly job: "read" | "write" }
  | { readonly kind: "cardDone"; readonly job: "read" | "write" }
  | { readonly kind: "cardAgain" }
  | { readonly kind: "cardWrong" }
  | { readonly kind: "reported" }
  | { readonly kind: "here" };

export interface ScreenContext {
  readonly messages: Messages;
  /** Absent as long as no policy for this machine has arrived. */
  readonly policy?: MachinePolicy | undefined;
  /** IANA name; an unknown one counts as UTC. */
  readonly timeZone: string;
  /** Trusted time. */
  readonly now: Instant;
  /** Monotonic time: what the interlock's moments are compared with. */
  readonly nowMs: number;
  readonly clock: ClockState;
  readonly stalenessMs: number;
  /** What stands in the way of everybody now. */
  readonly hindrance?: TapCode | undefined;
  readonly notice?: Notice | undefined;
  /** A card is being read at this moment. */
  readonly isReading?: boolean;
}
