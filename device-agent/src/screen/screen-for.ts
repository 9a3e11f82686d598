import { blockOf } from "../interlock/block-of.js";
import {
  type Armed,
  type Faulted,
  type Idle,
  type InterlockState,
  type Requested,
  sessionOf,
} from "../interlock/interlock-state.js";
import { allowsGrant } from "../interlock/sight.js";
import type { ScreenView } from "../ports.js";
import { activeView } from "./active-view.js";
import { say } from "./messages/messages.js";
import { noticeView } from "./notice-view.js";
import { plainView } from "./plain-view.js";
import { refusalView, tellStaff } from "./refusal-view.js";
import type { ScreenContext } from "./screen-context.js";
import { screenNotes, waivingMode } from "./screen-notes.js";

export type { Notice, ScreenContext } from "./screen-context.js";

const builtInProblems = ["problem.broken", "problem.unsafe", "problem.poor", "problem.supplies"] as const;

/**
 * What the machine's screen shows: plain words in one language, no codes, no names of persons. Pure.
 */
export function screenFor(state: InterlockState, context: ScreenContext): ScreenView {
  const { messages, policy, notice } = context;
  const view = context.isReading
    ? readingView(context)
    : notice
      ? noticeView(notice, state, context)
      : stateView(state, context);
  const reasons = policy?.problem.reasons ?? [];
  return {
    ...view,
    ...(policy && { machine: policy.name }),
    notes: screenNotes(state, context).filter(({ text }) => text !== view.detail),
    canEnd: sessionOf(state) !== undefined,
    problems: reasons.length > 0 ? reasons : builtInProblems.map((key) => say(messages, key)),
  };
}

function readingView(context: ScreenContext): ScreenView {
  const { texts } = context.messages;
  return { ...plainView("reading", context, "reading.headline"), next: texts["reading.next"] };
}

function stateView(state: InterlockState, context: ScreenContext): ScreenView {
  const { messages, policy } = context;
  switch (state.kind) {
    case "starting":
      return plainView("busy", context, "starting.headline", "starting.detail");
    case "idle":
      return idleView(state, context);
    case "armed":
      return { ...armedView(state, context), untilMs: state.untilMs };
    case "active":
      return activeView(state, context);
    case "pending": {
      const { untilMs } = state;
      if (state.waitsFor === "coTap") return { ...trainerView(context), untilMs };
      const headline = "warned.handover.headline";
      return { ...plainView("warning", context, headline, "warned.handover.detail", "warned.handover.next"), untilMs };
    }
    case "lockedOut":
      return {
        tone: "outOfService",
        headline: say(messages, "outOfService.headline"),
        detail: state.lockout.reason,
        next: tellStaff(messages, policy?.contact ?? ""),
      };
    case "faulted":
      return faultedView(state, context);
  }
}

function armedView(state: Armed | Requested, context: ScreenContext): ScreenView {
  switch (state.waitsFor) {
    case "coTap":
      return trainerView(context);
    case "card":
      return plainView("busy", context, "armed.card.headline", "armed.start.detail");
    case "extraction":
      return plainView("busy", context, "armed.extraction.headline", "armed.start.detail", "armed.extraction.next");
    case "startButton":
      return plainView("busy", context, "armed.start.headline", "armed.start.detail", "armed.start.next");
  }
}

function trainerView(context: ScreenContext): ScreenView {
  return plainView("busy", context, "armed.trainer.headline", "armed.trainer.detail", "armed.trainer.next");
}

/** What is broken, and what to do: whoever can mend it with a card is told so. */
function faultedView(state: Faulted, context: ScreenContext): ScreenView {
  const { messages, policy } = context;
  const [fault] = state.faults;
  const admits = policy ? blockOf(state, policy)?.admits : "nobody";
  const tell = tellStaff(messages, policy?.contact ?? "");
  const next = (): string => {
    if (admits === "everyone") return say(messages, fault === "EMERGENCY_STOP" ? "emergency.reset" : "fault.again");
    return fault === "EMERGENCY_STOP" ? say(messages, "emergency.next") : tell;
  };
  return {
    tone: "attention",
    headline: say(messages, "attention.headline"),
    detail: say(messages, fault === "EMERGENCY_STOP" && admits === "everyone" ? "emergency.was" : `fault.${fault}`),
    next: next(),
  };
}

function idleView(state: Idle, context: ScreenContext): ScreenView {
  const { policy, messages, hindrance } = context;
  if (!policy) return plainView("attention", context, "notSetUp.headline", "notSetUp.detail", "staff.ask");
  // Taps are refused until the contacts have told how they stand.
  if (!allowsGrant(state.sight, policy)) return plainView("busy", context, "checking.headline", "starting.detail");
  if (hindrance) {
    // Not told as a refusal: nobody has tapped. Hours are no trouble either.
    const tone = hindrance === "OUTSIDE_SCHEDULE" ? "busy" : "attention";
    return { ...refusalView([{ code: hindrance }], { ...context, contact: policy.contact }), tone };
  }
  const isOpen = waivingMode(context)?.kind === "unrestrictedUntil";
  const told = screenNotes(state, context).find(({ kind }) => kind === (isOpen ? "open" : "lists"));
  const withCard = isOpen ? "ready.openTap" : policy.presence === "hold" ? "ready.hold" : "ready.tap";
  const isByButton = isOpen && policy.wiring.inputs.startButton !== undefined;
  return {
    tone: "ready",
    headline: policy.name,
    detail: told?.text ?? say(messages, "ready.detail"),
    next: say(messages, isByButton ? "ready.openButton" : withCard),
  };
}
