import type { BadgeCode, Level, TapCode } from "@badgekey/shared";
import type { ScreenTraining, ScreenView } from "../ports.js";
import type { Missing } from "../tap/tap-verdict.js";
import { type MessageKey, type Messages, say } from "./messages/messages.js";
import { type Place, dateIn } from "./wall-time.js";

export interface RefusalHints extends Place {
  /** Why it is out of service. */
  readonly reason?: string;
  /** Whom the policy names; empty where nobody. */
  readonly contact: string;
}

/** More than these are told by their number: the screen is read from two metres. */
const MOST_TRAININGS = 8;

/** A refusal in plain words: all that is missing, the first thing first, with what to do. */
export function refusalView(missing: readonly [Missing, ...Missing[]], hints: RefusalHints): ScreenView {
  const { messages } = hints;
  const [first, ...more] = missing;
  const view = leadingView(first, hints);
  const names = more.flatMap((one) => (isTraining(one) ? [one.training.name] : []));
  const also = names.length === 0 ? "" : say(messages, "training.also", { names: names.join(", ") });
  const others = more.filter((one) => !isTraining(one)).map((one) => leadingView(one, hints).headline);
  const reasons = [...new Set(others)].filter((headline) => headline !== view.headline);
  const besides = reasons.length === 0 ? "" : say(messages, "refusal.also", { reasons: reasons.join(", ") });
  const trainings = missing.filter(isTraining).map((one) => trainingLine(one, hints));
  const isSeveral = trainings.length > 1 && isTraining(first);
  return {
    ...view,
    ...(isSeveral && { headline: say(messages, "training.missing.several") }),
    detail: [view.detail, also, besides].filter((part) => part !== "").join(". "),
    ...(trainings.length > 0 && { missing: missingBlock(trainings, besides, hints) }),
  };
}

type TrainingMissing = Missing & { readonly training: NonNullable<Missing["training"]> };

function isTraining(missing: Missing): missing is TrainingMissing {
  return missing.training !== undefined && missing.code !== "SUPERVISION_REQUIRED";
}

function missingBlock(
  trainings: readonly ScreenTraining[],
  besides: string,
  { messages, contact }: RefusalHints,
): NonNullable<ScreenView["missing"]> {
  const over = trainings.length - MOST_TRAININGS;
  const scan = trainings.some(({ url }) => url !== "") ? say(messages, "line.scan") : "";
  const nobody = scan === "" ? say(messages, "training.askWhere") : "";
  const ask = contact === "" ? nobody : say(messages, "staff.askWhom", { contact });
  return {
    trainings: trainings.slice(0, MOST_TRAININGS),
    more: over > 0 ? say(messages, "line.more", { count: String(over) }) : "",
    next: [scan, ask, besides].filter((part) => part !== "").join(". "),
  };
}

function trainingLine({ code, training, level = 2, endedAt }: TrainingMissing, hints: RefusalHints): ScreenTraining {
  const { messages } = hints;
  const why = (): string => {
    if (code === "LEVEL_TOO_LOW") return say(messages, "line.level", { level: levelWord(messages, level) });
    if (code !== "TRAINING_ENDED") return say(messages, "line.missing");
    return endedAt === undefined
      ? say(messages, "line.ended.plain")
      : say(messages, "line.ended", { date: dateIn(hints, endedAt) });
  };
  return { name: training.name, why: why(), url: training.url };
}

function leadingView(missing: Missing, hints: RefusalHints): ScreenView {
  const { code, training, level = 2, endedAt } = missing;
  const { messages } = hints;
  const name = training?.name ?? say(messages, "training.some");
  const book =
    training && training.url !== ""
      ? say(messages, "training.book", { url: training.url })
      : say(messages, "training.askWhere");
  const date = endedAt === undefined ? undefined : dateIn(hints, endedAt);
  switch (code) {
    case "TRAINING_MISSING":
      return refused(say(messages, "training.missing"), name, book);
    case "TRAINING_ENDED": {
      const ended =
        date === undefined
          ? say(messages, "training.ended.plain", { training: name })
          : say(messages, "training.ended.on", { training: name, date });
      return refused(say(messages, "training.ended"), ended, book);
    }
    case "LEVEL_TOO_LOW": {
      const detail = say(messages, "training.level.detail", { training: name, level: levelWord(messages, level) });
      return refused(say(messages, "training.level"), detail, book);
    }
    case "SUPERVISION_REQUIRED": {
      const detail = training
        ? say(messages, "alone.detail.training", { training: name })
        : say(messages, "alone.detail");
      return refused(say(messages, "alone.headline"), detail, say(messages, "alone.next"));
    }
    case "BADGE_EXPIRED": {
      const ended =
        date === undefined ? say(messages, "cardEnded.detail") : say(messages, "cardEnded.detail.on", { date });
      return refused(say(messages, "cardEnded.headline"), ended, say(messages, "cardEnded.next"));
    }
    case "MACHINE_OUT_OF_SERVICE":
      return {
        tone: "outOfService",
        headline: say(messages, "outOfService.headline"),
        detail: hints.reason ?? "",
        next: tellStaff(messages, hints.contact),
      };
    default: {
      const [tone, headline, detail, next] = wordsOf[code];
      const words = (key: MessageKey | ""): string => (key === "" ? "" : messages.texts[key]);
      return {
        tone,
        headline: words(headline),
        detail: words(detail),
        next: next === "tellStaff" ? tellStaff(messages, hints.contact) : words(next),
      };
    }
  }
}

/** "Please tell staff", with whom where the policy says so. */
export function tellStaff(messages: Messages, contact: string): string {
  return contact === "" ? say(messages, "staff.tell") : say(messages, "staff.tellWhom", { contact });
}

function levelWord(messages: Messages, level: Level): string {
  return say(messages, `level.${level}`);
}

function refused(headline: string, detail: string, next: string): ScreenView {
  return { tone: "refused", headline, detail, next };
}

type OtherCode = Exclude<
  TapCode | BadgeCode,
  | "TRAINING_MISSING"
  | "TRAINING_ENDED"
  | "LEVEL_TOO_LOW"
  | "SUPERVISION_REQUIRED"
  | "BADGE_EXPIRED"
  | "MACHINE_OUT_OF_SERVICE"
>;
/** Texts that need nothing filled in, or none. */
type Plain = MessageKey | "";
type Row = readonly ["refused" | "attention", Plain, Plain, Plain | "tellStaff"];

// Whoever looks over a shoulder learns nothing more of somebody whose badge was withdrawn or is on hold.
const SEE_STAFF: Row = ["refused", "staff.see", "", ""];

const wordsOf: Readonly<Record<OtherCode, Row>> = {
  BADGE_REVOKED: SEE_STAFF,
  BADGE_SUSPENDED: SEE_STAFF,
  MACHINE_FAULTED: ["attention", "attention.headline", "attention.detail", "tellStaff"],
  BADGE_MALFORMED: ["refused", "card.notAccepted", "card.damaged", "card.rewrite"],
  SIGNATURE_INVALID: ["refused", "card.notAccepted", "card.damaged", "card.rewrite"],
  ISSUER_UNTRUSTED: ["refused", "card.notAccepted", "card.foreign", "staff.see"],
  ISSUER_OUT_OF_WINDOW: ["refused", "card.notAccepted", "card.foreign", "staff.see"],
  BADGE_SUPERSEDED: ["refused", "card.outOfDate", "card.newer", "card.rewrite"],
  STATUS_UNKNOWN: ["refused", "card.unknown", "card.unknown.detail", "staff.see"],
  CARD_UNREADABLE: ["refused", "card.unreadable", "card.unreadable.detail", "card.unreadable.next"],
  CARD_UNSUPPORTED: ["refused", "card.unsupported", "card.unsupported.detail", "card.unsupported.next"],
  CARD_EMPTY: ["refused", "card.empty", "card.empty.detail", "card.empty.next"],
  CARD_NOT_ALONE: ["refused", "card.notAlone", "card.notAlone.detail", "card.notAlone.next"],
  CARD_MISMATCH: ["refused", "card.copy", "card.copy.detail", "card.copy.next"],
  HOLDER_KEY_MISSING: ["refused", "card.notAccepted", "card.unproven.detail", "card.unproven.next"],
  ASSURANCE_TOO_LOW: ["refused", "card.protection", "card.protection.detail", "staff.see"],
  MACHINE_UNKNOWN: ["attention", "notSetUp.headline", "notSetUp.detail", "tellStaff"],
  MACHINE_IN_USE: ["refused", "inUse.headline", "inUse.detail", "inUse.next"],
  OUTSIDE_SCHEDULE: ["refused", "closed.headline", "closed.detail", "closed.next"],
  LISTS_STALE: ["refused", "cannotUse.headline", "cannotUse.lists", "tellStaff"],
  CLOCK_UNTRUSTED: ["refused", "cannotUse.headline", "cannotUse.clock", "tellStaff"],
  TRUST_EXPIRED: ["refused", "cannotUse.headline", "cannotUse.trust", "tellStaff"],
};
