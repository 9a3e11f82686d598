import type { MachinePolicy } from "@badgekey/shared";
import type { Active } from "../interlock/interlock-state.js";
import { type Warning, endOf, isExtendable, warningsOf } from "../interlock/session-end.js";
import type { ScreenView } from "../ports.js";
import { type MessageKey, say } from "./messages/messages.js";
import { plainView } from "./plain-view.js";
import type { ScreenContext } from "./screen-context.js";
import { lengthOf, whenIn } from "./wall-time.js";

/** A shorter grace is over before anybody has read the number. */
const READABLE_MS = 5_000;

/** A running use: until when, what its holder must hear of, how it ends. */
export function activeView(state: Active, context: ScreenContext): ScreenView {
  const { policy, nowMs } = context;
  const ends = endOf(state);
  const headline = headlineOf(ends, context);
  const shown: ScreenView = {
    tone: "enabled",
    headline,
    detail: supervisedBy(state, context),
    next: finishOf(state, context),
    ...(ends !== undefined && { untilMs: ends }),
  };
  if (!policy) return shown;
  if (state.removedMs !== undefined) {
    const { removalGraceMs } = policy.session;
    const view = plainView("warning", context, "warned.removed.headline", "warned.removed.detail");
    return removalGraceMs < READABLE_MS ? view : { ...view, untilMs: state.removedMs + removalGraceMs };
  }
  const [warning] = warningsOf(state, nowMs, policy);
  if (warning?.reason === "extraction" || warning?.reason === "withdrawn")
    return warned(shown, warning, state, context);
  if (state.waiting.lockout) return warn(shown, context, "warned.outOfService");
  if (state.waiting.faults.some((fault) => fault !== "READER_LOST")) return warn(shown, context, "warned.fault");
  return warning ? warned(shown, warning, state, context) : shown;
}

function warn(shown: ScreenView, { messages }: ScreenContext, detail: MessageKey, next = shown.next): ScreenView {
  return { ...shown, tone: "warning", detail: messages.texts[detail], next };
}

function warned(shown: ScreenView, { reason, endsMs }: Warning, state: Active, context: ScreenContext): ScreenView {
  const { messages, policy, nowMs } = context;
  const until = endsMs === undefined ? {} : { untilMs: endsMs };
  switch (reason) {
    case "extraction":
      return warn(shown, context, "warned.extraction");
    case "withdrawn":
      return { ...warn(shown, context, state.withdrawn?.stop ? "warned.stopping" : "warned.withdrawn"), ...until };
    case "time": {
      const extend = say(messages, state.presence === "hold" ? "active.extend.hold" : "active.extend.tap");
      const next = policy && isExtendable(state, nowMs, policy) ? extend : shown.next;
      return { ...warn(shown, context, "warned.time", next), ...until };
    }
    case "overrun": {
      // The hard end lies hours ahead: nobody shall plan with it.
      const next = say(messages, "warned.overrun.next");
      return { ...plainView("warning", context, "active.headline", "warned.overrun"), next };
    }
    case "supervision":
      return {
        ...warn(shown, context, supervisionWord(state, policy), say(messages, "warned.supervision.next")),
        ...until,
      };
    case "idle":
      return { ...warn(shown, context, "warned.idle", say(messages, "warned.idle.next")), ...until };
  }
}

function supervisionWord({ supervision }: Active, policy: MachinePolicy | undefined): MessageKey {
  if (!supervision?.over) return "warned.supervision";
  return policy?.supervision.whenTrainerLeaves === "warn" ? "warned.supervision.over" : "warned.supervision.ends";
}

function supervisedBy({ supervision }: Active, context: ScreenContext): string {
  if (!supervision || supervision.over) return "";
  const { messages, now, nowMs, clock } = context;
  if (supervision.endsMs === undefined || clock === "untrusted") return say(messages, "active.supervised");
  const time = whenIn(context, now + Math.max(0, supervision.endsMs - nowMs), now);
  return say(messages, "active.supervisedUntil", { time });
}

function finishOf({ presence, session }: Active, { messages }: ScreenContext): string {
  if (!session.holder) return say(messages, "active.finish.any");
  return say(messages, presence === "hold" ? "active.finish.hold" : "active.finish.tap");
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
