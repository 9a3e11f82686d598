import { type Signer, type TapCode, type TrustClient, tapCodes } from "@badgekey/shared";
import type { BaseLogger } from "pino";
import type { AgentHealth } from "./agent-health.js";
import type {
  Card,
  Indicator,
  Inputs,
  ListOpener,
  MonotonicClock,
  OpenedJournal,
  Reader,
  Relay,
  Scheduler,
  Screen,
  SiteStateStore,
  Uplink,
  WallClock,
  Wiring,
} from "./ports.js";
import { cardKindOf } from "./presentation/card-kind.js";
import { Dialogue } from "./presentation/dialogue.js";
import { readCard } from "./presentation/read-card.js";
import { writeBadge } from "./presentation/write-badge.js";

interface DialogueBudget {
  readonly signal: AbortSignal;
}

/** The dialogues with cards. They reject with an error whose `code` is a TapCode. */
export interface Presentation {
  /** What the card shows; nothing of it is verified. */
  readCard(
    card: Card,
    budget: DialogueBudget,
  ): Promise<{ readonly uid: Uint8Array; readonly badge: Uint8Array | undefined }>;
  readUid(card: Card, budget: DialogueBudget): Promise<Uint8Array>;
  writeBadge(
    card: Card,
    badge: Uint8Array,
    options: DialogueBudget & { readonly uid?: Uint8Array },
  ): Promise<{ readonly uid: Uint8Array }>;
}

/** Everything an agent is made of. It closes the ports it was given when it stops. */
export interface AgentDeps {
  /** The agent's id. */
  readonly agent: string;
  /** Name and version of this program, for reports. */
  readonly software: string;
  /** The agent's own key: signs reports. */
  readonly signer: Signer;
  /** Started and restored from the store. */
  readonly trust: TrustClient;
  /** What of the site state could not be read back, by name: its loss is put on record (SAFETY R20). */
  readonly damaged?: readonly string[];
  readonly store: Pick<SiteStateStore, "save" | "saveClock">;
  /** Opens lists in a thread of its own; without one the agent does it itself. */
  readonly opener?: ListOpener;
  readonly opened: OpenedJournal;
  readonly readers: readonly Reader[];
  readonly relay: Relay;
  /** What the lines behind `relay` and `inputs` were opened with; absent where no policy was known then. */
  readonly wiring?: Wiring;
  /** The machine's contacts, where any are wired. */
  readonly inputs?: Inputs;
  readonly indicator?: Indicator;
  readonly screen: Screen;
  readonly uplink: Uplink;
  /** The one whose milliseconds `trust` was started with. */
  readonly clock: MonotonicClock;
  readonly scheduler: Scheduler;
  /** Without one nobody looks for steps of this computer's own clocks. */
  readonly wallClock?: WallClock;
  readonly random: (length: number) => Uint8Array;
  /** The dialogues of presentation/ unless given. */
  readonly presentation?: Presentation;
  readonly log: Pick<BaseLogger, "debug" | "info" | "warn" | "error">;
  /** Called whenever the loop has finished a step: feeds the watchdog, and nothing else does (SAFETY R9). */
  readonly onProgress?: () => void;
  /** How the agent stands: soon after the start, with every change of state, clock or contact, and once a minute. */
  readonly onHealth?: (health: AgentHealth) => void;
  /** A defect of this program ended the loop; the relay has been told to open. The process should end. */
  readonly onDefect?: (error: unknown) => void;
}

export const cardDialogues: Presentation = {
  readCard,
  readUid: async (card, budget) => {
    cardKindOf(card.atr);
    return new Dialogue(card, budget).readUid();
  },
  writeBadge,
};

/** The code that a dialogue ended with; undefined for what is no card's doing. */
export function tapCodeOf(error: unknown): TapCode | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code in tapCodes ? (error.code as TapCode) : undefined;
}

/** True once `work` has resolved, false when it rejected or took over `ms`: whatever can hang has a budget. */
export function within(ms: number, work: Promise<unknown>, scheduler: Scheduler): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = scheduler.after(ms, () => resolve(false));
    const settle = (done: boolean) => (): void => {
      cancel();
      resolve(done);
    };
    work.then(settle(true), settle(false));
  });
}
