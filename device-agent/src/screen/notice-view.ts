import type { InterlockState } from "../interlock/interlock-state.js";
import type { ScreenView } from "../ports.js";
import { say } from "./messages/messages.js";
import { refusalView, tellStaff } from "./refusal-view.js";
import type { Notice, ScreenContext } from "./screen-context.js";
import { lengthOf } from "./wall-time.js";

/** What happened a moment ago, in plain words. */
export function noticeView(notice: Notice, state: InterlockState, context: ScreenContext): ScreenView {
  const { messages, policy } = context;
  const contact = policy?.contact ?? "";
  switch (notice.kind) {
    case "refused":
      return refusalView(notice.missing, {
        messages,
        timeZone: context.timeZone,
        contact,
        ...(state.kind === "lockedOut" && { reason: state.lockout.reason }),
      });
    case "finished":
      return {
        tone: "ready",
        headline: say(messages, "finished.headline"),
        detail: say(messages, "finished.detail", { length: lengthOf(messages, notice.durationMs) }),
        next: say(messages, "finished.next"),
      };
    case "interrupted":
      return {
        tone: "attention",
        headline: say(messages, "notStarted.headline"),
        detail: say(messages, "notStarted.detail"),
        next: tellStaff(messages, contact),
      };
    case "takeCardAway":
      return {
        tone: "refused",
        headline: say(messages, "takeAway.headline"),
        detail: say(messages, "takeAway.detail"),
        next: say(messages, "takeAway.next"),
      };
    case "waitsForCard":
      return {
        tone: "busy",
        headline: say(messages, "job.headline"),
        detail: say(messages, notice.job === "write" ? "job.write" : "job.read"),
        next: say(messages, "job.next"),
      };
    case "cardDone":
      return {
        tone: "ready",
        headline: say(messages, notice.job === "write" ? "job.written" : "job.wasRead"),
        detail: "",
        next: say(messages, "job.done"),
      };
    case "cardAgain":
      return {
        tone: "warning",
        headline: say(messages, "job.again.headline"),
        detail: say(messages, "job.again.detail"),
        next: say(messages, "job.again.next"),
      };
    case "cardWrong":
      return {
        tone: "refused",
        headline: say(messages, "job.wrong.headline"),
        detail: say(messages, "job.wrong.detail"),
        next: say(messages, "staff.ask"),
      };
    case "reported":
      return {
        tone: "busy",
        headline: say(messages, "reported.headline"),
        detail: say(messages, "reported.detail"),
        next: "",
      };
    case "here":
      return { tone: "attention", headline: say(messages, "here.headline"), detail: policy?.name ?? "", next: "" };
  }
}
