import { type BadgeView, type LogView, type MachineView, badgeCodes, faultCodes, tapCodes } from "@badgekey/shared";
import { badgeStateWords } from "../words.js";
import type { CardKind } from "./card-box.js";
import type { ScreenText } from "./bench.js";

/** Everything the page shows, sent whole after every change. Types only: the page's own code imports them, too. */
export interface DemoState {
  readonly gateway: GatewayState;
  readonly machines: readonly MachineState[];
  readonly cards: readonly CardState[];
  readonly trainings: readonly { readonly slug: string; readonly name: string }[];
  readonly log: readonly LogRow[];
  /** Crashes and other surprises, newest last. */
  readonly troubles: readonly string[];
}

export interface GatewayState {
  readonly running: boolean;
  readonly plugged: boolean;
  /** How the CLI gets there. */
  readonly url: string;
  readonly tokenFile: string;
}

export interface MachineState {
  readonly id: string;
  readonly name: string;
  readonly asksFor: string;
  /** hold: the card stays in the reader. */
  readonly presence: "tap" | "hold";
  readonly plugged: boolean;
  /** Whether the gateway hears it. */
  readonly connected: boolean;
  readonly running: boolean;
  readonly relay: "closed" | "open" | "unknown";
  readonly screen: ScreenText | null;
  readonly decision: DecisionState | null;
  /** Id of the card on the reader. */
  readonly card: string | null;
  /** What is stored at the machine and not yet delivered: by its own report, or taps seen since contact was lost. */
  readonly waiting: { readonly count: number; readonly of: "record" | "tap" };
  readonly outOfService: string | null;
  /** A card is being written here. */
  readonly writing: boolean;
}

export interface DecisionState {
  readonly count: number;
  readonly accepted: boolean;
  readonly code: string;
  readonly ms: number;
}

export interface CardState {
  readonly id: string;
  readonly kind: CardKind;
  readonly name: string;
  readonly trainings: readonly string[];
  readonly note: string;
  /** What the gateway knows of the badge on it, in people's words. */
  readonly state: string;
  readonly withdrawable: boolean;
  readonly uidEnd: string;
  /** The machine whose reader it lies on. */
  readonly at: string | null;
}

export interface LogRow {
  readonly key: string;
  readonly at: string;
  readonly machine: string;
  readonly what: string;
  readonly tone: "good" | "bad" | "plain";
  readonly person: string;
  readonly detail: string;
  readonly code: string;
}

export function badgeStateText(badge: BadgeView | undefined): string {
  return badge ? badgeStateWords[badge.state] : "";
}

export function outOfServiceReason(machine: MachineView | undefined): string | null {
  return machine?.outOfService?.reason ?? null;
}

const kindWords: Readonly<Record<string, string>> = {
  agentStarted: "machine controller started",
  agentStopped: "machine controller stopped",
  sessionStarted: "use started",
  sessionEnded: "use ended",
  sessionWarned: "end announced",
  sessionExtended: "use extended",
  startAborted: "start aborted",
  tapRefused: "refused",
  handedOver: "handed over",
  outOfServiceSet: "out of service",
  outOfServiceCleared: "back in service",
  faultRaised: "needs attention",
  faultCleared: "attention no longer needed",
  securityEvent: "security alarm",
  clockStepped: "clock corrected",
  commandApplied: "instruction carried out",
  commandRefused: "instruction refused",
  cardWritten: "card written",
  cardRead: "card read",
  gap: "records lost",
};

/** What people read where the code's own line speaks to programmers. */
const meanings: Readonly<Record<string, string>> = {
  ...badgeCodes,
  ...tapCodes,
  ...faultCodes,
  TRAINING_MISSING: "training missing",
  TRAINING_ENDED: "training ended",
  LEVEL_TOO_LOW: "more training needed",
  SUPERVISION_REQUIRED: "only with a trainer",
  BADGE_EXPIRED: "badge ended",
  BADGE_REVOKED: "badge withdrawn",
  BADGE_SUSPENDED: "badge on hold",
  SIGNATURE_INVALID: "badge changed or forged",
  ISSUER_UNTRUSTED: "issued by nobody known here",
  CARD_MISMATCH: "a copy: the badge belongs to another card",
  CARD_EMPTY: "nothing on the card",
  CARD_UNREADABLE: "card lifted too early",
  MACHINE_IN_USE: "someone else is signed on",
  LISTS_STALE: "too long without contact",
};

const reasonWords: Readonly<Record<string, string>> = {
  readCard: "read a card",
  writeCard: "write a card",
  outOfService: "take out of service",
  release: "put back into service",
  end: "end the use",
  identify: "show which one it is",
  tap: "by a second tap",
  removal: "card taken out",
  notStarted: "not started in time",
  time: "time was over",
  readerLost: "the reader was gone",
  stopped: "machine controller stopped",
  withdrawn: "badge withdrawn",
  handover: "handed over",
};

/** A row of the usage log in the words people read; machines by the names in `names`. */
export function logRow(row: LogView, names: ReadonlyMap<string, string>): LogRow {
  const reason = row.reason === null ? "" : (reasonWords[row.reason] ?? row.reason);
  const parts = [
    row.durationMs === null ? "" : seconds(row.durationMs),
    row.code === null ? reason : (meanings[row.code] ?? reason),
  ];
  return {
    key: `${row.agent}/${row.boot}/${row.sequence}`,
    at: row.at,
    machine: names.get(row.machine) ?? row.machine,
    what: kindWords[row.kind] ?? row.kind,
    tone: toneOf(row.kind),
    person: row.personName ?? "",
    detail: parts.filter((part) => part !== "").join(" · "),
    code: row.code ?? "",
  };
}

function toneOf(kind: string): LogRow["tone"] {
  if (kind === "sessionStarted" || kind === "outOfServiceCleared" || kind === "cardWritten") return "good";
  return /Refused|fault|security|gap|outOfServiceSet|Aborted/.test(kind) ? "bad" : "plain";
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
