import { type Active, type InterlockState, endOf, sessionOf } from "../interlock/interlock-state.js";
import { isExtendable } from "../interlock/take-tap.js";
import type { ScreenView } from "../ports.js";
import { type MessageKey, say } from "./messages/messages.js";
import { noticeView } from "./notice-view.js";
import { tellStaff } from "./refusal-view.js";
import type { ScreenContext } from "./screen-context.js";
import { screenNotes, waivingMode } from "./screen-notes.js";
import { lengthOf, whenIn } from "./wall-time.js";

export type { Notice, ScreenContext } from "./screen-context.js";

const builtInProblems = ["problem.broken", "problem.unsafe", "problem.poor", "problem.supplies"] as const;

/** What the machine's screen shows: plain words in one language, no codes, no names of persons (DESIGN section 1). Pure. */
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

function readingView({ messages }: ScreenContext): ScreenView {
  return {
    tone: "reading",
    headline: say(messages, "reading.headline"),
    detail: "",
    next: say(messages, "reading.next"),
  };
}

function stateView(state: InterlockState, context: ScreenContext): ScreenView {
  const { messages } = context;
  const contact = context.policy?.contact ?? "";
  switch (state.kind) {
    case "starting":
      return view("busy", context, "starting.headline", "starting.detail");
    case "idle":
      return idleView(state, context);
    case "armed":
      return {
        ...view("busy", context, "armed.start.headline", "armed.start.detail", "armed.start.next"),
        untilMs: state.untilMs,
      };
    case "active":
      return activeView(state, context);
    case "pending":
      return {
        ...view("warning", context, "warned.handover.headline", "warned.handover.detail", "warned.handover.next"),
        untilMs: state.untilMs,
      };
    case "lockedOut":
      return {
        tone: "outOfService",
        headline: say(messages, "outOfService.headline"),
        detail: state.lockout.reason,
        next: tellStaff(messages, contact),
      };
    case "faulted":
      return {
        tone: "attention",
        headline: say(messages, "attention.headline"),
        detail: say(messages, `fault.${state.faults[0]}`),
        next: tellStaff(messages, contact),
      };
  }
}

/** A view of texts that need nothing filled in. */
function view(
  tone: ScreenView["tone"],
  { messages: { texts } }: ScreenContext,
  ...[headline, detail, next]: readonly [MessageKey, MessageKey?, MessageKey?]
): ScreenView {
  return { tone, headline: texts[headline], detail: detail ? texts[detail] : "", next: next ? texts[next] : "" };
}

function idleView(state: InterlockState, context: ScreenContext): ScreenView {
  const { policy, messages, clock, stalenessMs } = context;
  if (!policy) return view("attention", context, "notSetUp.headline", "notSetUp.detail", "staff.ask");
  if (stalenessMs > policy.staleness.refuseAfterSeconds * 1000) {
    return view("attention", context, "cannotUse.headline", "cannotUse.lists", "staff.ask");
  }
  if (clock === "untrusted" && policy.untrustedClock === "refuse") {
    return view("attention", context, "cannotUse.headline", "cannotUse.clock", "staff.ask");
  }
  const isOpen = waivingMode(context)?.kind === "unrestrictedUntil";
  const notes = screenNotes(state, context);
  const told = notes.find(({ kind }) => kind === (isOpen ? "open" : "lists"));
  const withCard = isOpen ? "ready.openTap" : policy.presence === "hold" ? "ready.hold" : "ready.tap";
  const isByButton = isOpen && policy.wiring.inputs.startButton !== undefined;
  return {
    tone: "ready",
    headline: policy.name,
    detail: told?.text ?? say(messages, "ready.detail"),
    next: say(messages, isByButton ? "ready.openButton" : withCard),
  };
}

function activeView(state: Active, context: ScreenContext): ScreenView {
  const { policy, messages, nowMs } = context;
  const endsMs = endOf(state);
  const headline = headlineOf(endsMs, context);
  const ends = endsMs === undefined ? {} : { untilMs: endsMs };
  const finish = say(messages, state.presence === "hold" ? "active.finish.hold" : "active.finish.tap");
  const warning = (detail: MessageKey, next = finish): ScreenView => ({
    tone: "warning",
    headline,
    detail: messages.texts[detail],
    next,
    ...ends,
  });
  if (state.withdrawn) return warning(state.withdrawn.stop ? "warned.stopping" : "warned.withdrawn");
  if (state.removedMs !== undefined) {
    return view("warning", context, "warned.removed.headline", "warned.removed.detail");
  }
  if (state.waiting.lockout) return warning("warned.outOfService");
  if (policy && isExtendable(state, nowMs, policy)) {
    const extend = say(messages, state.presence === "hold" ? "active.extend.hold" : "active.extend.tap");
    return warning("warned.time", extend);
  }
  if (state.warned) return warning("warned.time");
  return { tone: "enabled", headline, detail: "", next: finish, ...ends };
}

/** A time of day where the clock can be relied on, else how long: a confirmed length under an unconfirmed clock. */
function headlineOf(endsMs: number | undefined, context: ScreenContext): string {
  const { messages, now, nowMs, clock } = context;
  if (endsMs === undefined) return say(messages, "active.headline");
  const leftMs = Math.max(0, endsMs - nowMs);
  return clock === "untrusted"
    ? say(messages, "active.headlineFor", { length: lengthOf(messages, leftMs) })
    : say(messages, "active.headlineUntil", { time: whenIn(context, now + leftMs, now) });
}
