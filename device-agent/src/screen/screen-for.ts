import type { ClockState, FaultCode, Instant, MachinePolicy } from "@badgekey/shared";
import { type Active, type InterlockState, endOf } from "../interlock/interlock-state.js";
import { isExtendable } from "../interlock/take-tap.js";
import type { ScreenView } from "../ports.js";
import type { Missing } from "../tap/tap-verdict.js";
import { refusalView } from "./refusal-view.js";
import { dateIn, lengthOf, timeIn } from "./wall-time.js";

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
  | { readonly kind: "here" };

export interface ScreenContext {
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
  readonly notice?: Notice | undefined;
}

/** What the machine's screen shows: plain words, no codes, no names (DESIGN section 1). Pure. */
export function screenFor(state: InterlockState, context: ScreenContext): ScreenView {
  return context.notice ? noticeView(context.notice, state, context) : stateView(state, context);
}

function stateView(state: InterlockState, context: ScreenContext): ScreenView {
  switch (state.kind) {
    case "starting":
      return { tone: "busy", headline: "Starting", detail: "One moment, please", next: "" };
    case "idle":
      return idleView(context);
    case "armed":
      return { tone: "busy", headline: "Press start", detail: "Your card is accepted", next: "Press the start button" };
    case "active":
      return activeView(state, context);
    case "pending":
      return {
        tone: "warning",
        headline: "Someone is still signed on",
        detail: "Make sure that the machine is free",
        next: "Tap your card again to take over",
      };
    case "lockedOut":
      return { tone: "outOfService", headline: "Out of service", detail: state.lockout.reason, next: staff(context) };
    case "faulted":
      return {
        tone: "attention",
        headline: "Needs attention",
        detail: faultWords[state.faults[0]],
        next: staff(context),
      };
  }
}

function idleView({ policy, timeZone, now, stalenessMs }: ScreenContext): ScreenView {
  if (!policy)
    return {
      tone: "attention",
      headline: "Not set up yet",
      detail: "This machine has no rules yet",
      next: "Ask staff",
    };
  const { warnAfterSeconds, refuseAfterSeconds } = policy.staleness;
  const untilAt = now - stalenessMs + refuseAfterSeconds * 1000;
  if (now > untilAt) {
    return {
      tone: "attention",
      headline: "Cannot be used now",
      detail: "No contact with the server for too long",
      next: "Ask staff",
    };
  }
  const next = policy.presence === "hold" ? "Put your card in to start" : "Tap your card to start";
  if (stalenessMs <= warnAfterSeconds * 1000) return { tone: "ready", headline: policy.name, detail: "Ready", next };
  const detail = `Works without contact until ${dateIn(timeZone, untilAt)}, ${timeIn(timeZone, untilAt)}`;
  return { tone: "ready", headline: policy.name, detail, next };
}

function activeView(state: Active, context: ScreenContext): ScreenView {
  const { policy, nowMs } = context;
  const endsMs = endOf(state);
  const headline = endsMs === undefined ? "Enabled" : `Enabled ${until(endsMs, context)}`;
  const finish = state.presence === "hold" ? "take your card out to finish" : "tap again to finish";
  if (state.withdrawn) {
    return { tone: "warning", headline, detail: "Finish your work, then see staff", next: capital(finish) };
  }
  if (state.removedMs !== undefined) {
    return { tone: "warning", headline: "Put your card back", detail: "or this use ends now", next: "" };
  }
  if (state.waiting.lockout) {
    return { tone: "warning", headline, detail: "Out of service after this use", next: capital(finish) };
  }
  if (policy && isExtendable(state, nowMs, policy)) {
    const extend = state.presence === "hold" ? "Take your card out and put it back" : "Tap again";
    return { tone: "warning", headline, detail: "Time is nearly up", next: `${extend} to extend` };
  }
  if (state.warned) return { tone: "warning", headline, detail: "Time is nearly up", next: capital(finish) };
  return { tone: "enabled", headline, detail: "", next: capital(finish) };
}

/** A time of day where the clock can be relied on, else how long: a confirmed length under an unconfirmed clock. */
function until(endsMs: number, { now, nowMs, timeZone, clock }: ScreenContext): string {
  const leftMs = Math.max(0, endsMs - nowMs);
  if (clock === "untrusted") return `for ${lengthOf(leftMs)}`;
  const at = now + leftMs;
  const day = dateIn(timeZone, at) === dateIn(timeZone, now) ? "" : `${dateIn(timeZone, at)}, `;
  return `until ${day}${timeIn(timeZone, at)}`;
}

function noticeView(notice: Notice, state: InterlockState, context: ScreenContext): ScreenView {
  switch (notice.kind) {
    case "refused":
      return refusalView(notice.missing, context.timeZone, {
        ...(state.kind === "lockedOut" && { reason: state.lockout.reason }),
        contact: staff(context),
      });
    case "finished":
      return {
        tone: "ready",
        headline: "Finished",
        detail: `Used for ${lengthOf(notice.durationMs)}`,
        next: "Leave the machine tidy, please",
      };
    case "interrupted":
      return {
        tone: "attention",
        headline: "Not started",
        detail: "The use could not be noted down",
        next: staff(context),
      };
    case "takeCardAway":
      return { tone: "refused", headline: "Take the card away", detail: "It lay there before", next: "Then tap again" };
    case "waitsForCard":
      return {
        tone: "busy",
        headline: "Lay the card on the reader",
        detail: notice.job === "write" ? "It will be written" : "It will be read",
        next: "Hold it still until this changes",
      };
    case "cardDone":
      return {
        tone: "ready",
        headline: notice.job === "write" ? "Card written" : "Card read",
        detail: "",
        next: "Take the card away",
      };
    case "cardAgain":
      return { tone: "warning", headline: "Tap again", detail: "The card was lifted too early", next: "Hold it still" };
    case "cardWrong":
      return {
        tone: "refused",
        headline: "Another card is expected",
        detail: "Nothing was written",
        next: "Ask staff",
      };
    case "here":
      return { tone: "attention", headline: "Here I am", detail: context.policy?.name ?? "", next: "" };
  }
}

function staff({ policy }: ScreenContext): string {
  return policy && policy.contact !== "" ? `Please tell staff: ${policy.contact}` : "Please tell staff";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const faultWords: Readonly<Record<FaultCode, string>> = {
  JOURNAL_UNAVAILABLE: "Uses cannot be noted down",
  RELAY_STUCK: "The switch of this machine hangs",
  RELAY_UNRESPONSIVE: "The switch of this machine does not answer",
  READER_LOST: "The card reader is gone",
  STORE_UNREADABLE: "Stored settings were damaged",
  EMERGENCY_STOP: "The emergency stop is pressed",
  TAMPER: "The housing was opened",
  EXTRACTION_MISSING: "The extraction does not run",
};
