import type { BadgeCode, Level, TapCode } from "@badgekey/shared";
import type { ScreenView } from "../ports.js";
import type { Missing } from "../tap/tap-verdict.js";
import { dateIn } from "./wall-time.js";

export interface RefusalHints {
  /** Why it is out of service. */
  readonly reason?: string;
  /** "Please tell staff", with whom where the policy says so. */
  readonly contact: string;
}

const levelWords: Readonly<Record<Level, string>> = { 1: "trainee", 2: "user", 3: "trainer", 4: "steward" };
const SEE_STAFF = "Please see staff";

/** A refusal in plain words: the first thing missing with what to do, the trainings that are missing, too. */
export function refusalView(
  missing: readonly [Missing, ...Missing[]],
  timeZone: string,
  hints: RefusalHints,
): ScreenView {
  const [first, ...more] = missing;
  const view = leadingView(first, timeZone, hints);
  const others = more.flatMap(({ code, training }) =>
    training && code !== "SUPERVISION_REQUIRED" ? [training.name] : [],
  );
  if (others.length === 0) return view;
  return {
    ...view,
    detail: [view.detail, `Also needed: ${others.join(", ")}`].filter((part) => part !== "").join(". "),
  };
}

function leadingView(missing: Missing, timeZone: string, hints: RefusalHints): ScreenView {
  const { code, training, level = 2, endedAt } = missing;
  const name = training?.name ?? "a training";
  const book = training && training.url !== "" ? `Book it: ${training.url}` : "Ask staff where to book it";
  const on = endedAt === undefined ? "" : ` on ${dateIn(timeZone, endedAt)}`;
  switch (code) {
    case "TRAINING_MISSING":
      return refused("Training needed", name, book);
    case "TRAINING_ENDED":
      return refused("Training ended", `${name} ended${on}`, book);
    case "LEVEL_TOO_LOW":
      return refused("More training needed", `${name} as ${levelWords[level]}`, book);
    case "SUPERVISION_REQUIRED":
      return refused("Not alone", training ? `${name}: with a trainer only` : "With a trainer only", "Ask a trainer");
    case "BADGE_EXPIRED":
      return refused("Your card has ended", `It ended${on}`, "Have it renewed at the desk");
    // Whoever looks over a shoulder learns nothing more of somebody whose badge was withdrawn or is on hold.
    case "BADGE_REVOKED":
    case "BADGE_SUSPENDED":
      return refused(SEE_STAFF, "", "");
    default:
      return otherView(code, hints);
  }
}

type OtherCode = Exclude<
  TapCode | BadgeCode,
  | "TRAINING_MISSING"
  | "TRAINING_ENDED"
  | "LEVEL_TOO_LOW"
  | "SUPERVISION_REQUIRED"
  | "BADGE_EXPIRED"
  | "BADGE_REVOKED"
  | "BADGE_SUSPENDED"
>;

function otherView(code: OtherCode, { reason, contact }: RefusalHints): ScreenView {
  switch (code) {
    case "MACHINE_OUT_OF_SERVICE":
      return { tone: "outOfService", headline: "Out of service", detail: reason ?? "", next: contact };
    case "MACHINE_FAULTED":
      return { tone: "attention", headline: "Needs attention", detail: "It cannot be used now", next: contact };
    case "BADGE_MALFORMED":
    case "SIGNATURE_INVALID":
      return refused(
        "Card not accepted",
        "What it carries is damaged or was changed",
        "Have it written anew at the desk",
      );
    case "ISSUER_UNTRUSTED":
    case "ISSUER_OUT_OF_WINDOW":
      return refused("Card not accepted", "It was not issued for this place", SEE_STAFF);
    case "BADGE_SUPERSEDED":
      return refused("Your card is out of date", "A newer one was issued for you", "Have it written anew at the desk");
    case "STATUS_UNKNOWN":
      return refused("Card not known here yet", "This machine has no list that covers it", SEE_STAFF);
    case "CARD_UNREADABLE":
      return refused("Tap again", "The card was lifted too early", "Hold it still for a moment");
    case "CARD_UNSUPPORTED":
      return refused("Card not usable", "This kind of card cannot be used here", "Get one at the desk");
    case "CARD_EMPTY":
      return refused("Nothing on this card", "No training is stored on it", "Have it written at the desk");
    case "CARD_NOT_ALONE":
      return refused("One card at a time", "More than one card lies here", "Tap again with one card");
    case "CARD_MISMATCH":
      return refused("This is a copy", "It was written for another card", "Use the original card");
    case "HOLDER_KEY_MISSING":
      return refused("Card not accepted", "It did not prove that it is the original", "Use the original card or phone");
    case "ASSURANCE_TOO_LOW":
      return refused("Better copy protection needed", "This machine asks for a card that is harder to copy", SEE_STAFF);
    case "MACHINE_UNKNOWN":
      return { tone: "attention", headline: "Not set up yet", detail: "This machine has no rules yet", next: contact };
    case "MACHINE_IN_USE":
      return refused("In use", "Someone else is signed on", "Ask them to finish first");
    case "OUTSIDE_SCHEDULE":
      return refused("Closed now", "Outside the hours of this machine", "Come back in its hours");
    case "LISTS_STALE":
      return refused("Cannot be used now", "No contact with the server for too long", contact);
    case "CLOCK_UNTRUSTED":
      return refused("Cannot be used now", "Clock not confirmed", contact);
    case "TRUST_EXPIRED":
      return refused("Cannot be used now", "Its lists have ended and were not renewed", contact);
  }
}

function refused(headline: string, detail: string, next: string): ScreenView {
  return { tone: "refused", headline, detail, next };
}
