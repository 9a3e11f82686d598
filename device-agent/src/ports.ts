import type {
  AgentTopic,
  GatewayTopic,
  ListOpening,
  MachinePolicy,
  OpenedList,
  RowPosition,
  TrustCode,
  UsageRow,
  Verdict,
} from "@badgekey/shared";
import type { Messages } from "./screen/messages/messages.js";

/** Ports of the agent: types only. Drivers implement them, agent.ts uses them, main.ts joins both. */

/** A card or phone in a reader's field, until it leaves it. */
export interface Card {
  /** Rises by one with every presentation of this reader object. */
  readonly presentation: number;
  readonly reader: string;
  readonly atr: Uint8Array;
  /**
   * Sends one APDU; resolves with data and status word. Rejects with CardGoneError once the card has left. One at a
   * time.
   */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
}

export class CardGoneError extends Error {
  override readonly name = "CardGoneError";
}

export type ReaderEvent =
  | { readonly kind: "readerReady"; readonly reader: string }
  | { readonly kind: "readerLost"; readonly reader: string; readonly reason: string }
  /** A card lay there before anyone looked: no tap. It is presented once it was away (SAFETY R6). */
  | { readonly kind: "cardFound"; readonly reader: string }
  | { readonly kind: "cardPresented"; readonly card: Card }
  | { readonly kind: "cardRemoved"; readonly reader: string; readonly presentation: number };

/** A source of cards. `start` never throws for absent hardware: that is a `readerLost` event and is retried inside. */
export interface Reader {
  start(onEvent: (event: ReaderEvent) => void): void;
  /** Shows a signal on its own light and buzzer, where it has them; trouble with it ends here. */
  show?(signal: Signal): void;
  close(): Promise<void>;
}

/** What the loop wants of the outputs that fail inactive; `relay` is the start permission. */
export interface Permit {
  readonly relay: "open" | "closed";
  /** Extraction, coolant and the like. */
  readonly runOn: boolean;
  /** The machine is asked for a controlled stop. */
  readonly stop: boolean;
}

/**
 * A contact that fails open, and the outputs beside it. Held only for `ms`; the interlock's loop renews, no driver does
 * (SAFETY R2).
 */
export interface Relay {
  /**
   * Puts the outputs where `what` says, for at most `ms`. Resolves with the holder's acknowledgement; rejects when none
   * came in 250 ms.
   */
  permit(ms: number, what: Permit): Promise<void>;
  /** Everything inactive at once; resolves with the acknowledgement. */
  open(): Promise<void>;
  /** Told of each holder that hung or died, also while nothing was asked of it; the next one opens first. */
  watch(onFault: (reason: string) => void): void;
  /**
   * Takes other wiring into use; asked only while nobody uses the machine. Rejects where the wiring cannot be had: all
   * stays inactive then.
   */
  rewire(wiring: Wiring): Promise<void>;
  close(): Promise<void>;
}

/**
 * What must survive a restart beside the rows: out of service, latched faults, the open session, counters, the time
 * floor.
 */
export type Marks = ReadonlyMap<string, Uint8Array>;
/** Sets (bytes) or removes (null) marks. */
export type MarkChanges = ReadonlyMap<string, Uint8Array | null>;

export interface JournalHead extends RowPosition {
  /** The chain after the newest row: 32 bytes. */
  readonly chain: Uint8Array;
}

/** The append-only journal. One writer; lives in a worker thread, so nothing here blocks the caller's loop. */
export interface Journal {
  /**
   * Rows and mark changes in one durable commit (WAL, synchronous=FULL). Resolves once durable, with the new head.
   * After a rejection the same may be handed in again: the same body object is the same row, and is written once.
   */
  append(bodies: readonly Uint8Array[], marks?: MarkChanges): Promise<JournalHead>;
  /** Rows not yet acknowledged that lie after `after` (or from the oldest), oldest first. */
  rowsAfter(after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]>;
  /** Drops rows up to a position if `chain` equals our own hash there; "mismatch" drops nothing. */
  acknowledge(upTo: RowPosition, chain: Uint8Array): Promise<"dropped" | "mismatch">;
  pendingCount(): Promise<number>;
  /** One listener, told at once how the storage stands, then of each change (SAFETY R19, R20). */
  watch(onEvent: (event: JournalEvent) => void): void;
  close(): Promise<void>;
}

export interface JournalStorage {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Room that rows take in the journal. */
  readonly journalBytes: number;
  /** `low`: less than 10 % is free. `full`: what is left is for the end of the running session. */
  readonly state: "ample" | "low" | "full";
}

/** What was found damaged, and what was saved of it. */
export interface JournalSalvage {
  /** Where the damaged file was moved; empty where nothing was left of it. */
  readonly movedTo: string;
  readonly rowsKept: number;
  /** Rows known to be missing; where even the newest position is lost there may be more. */
  readonly rowsLost: number;
  /** From the first to the last row known to be missing: boot, sequence, boot, sequence. */
  readonly lost?: readonly [number, number, number, number];
  readonly reason: string;
  /** Then nobody knows what was out of service: the machine starts out of service (SAFETY R5). */
  readonly marksLost: boolean;
}

export type JournalEvent =
  | { readonly kind: "storage"; readonly storage: JournalStorage }
  /** Damage found while the agent runs: its marks are kept, a new boot has begun. */
  | { readonly kind: "salvaged"; readonly salvage: JournalSalvage };

export interface OpenedJournal {
  readonly journal: Journal;
  readonly head: JournalHead;
  readonly marks: Marks;
  /** Set when damage was found: the old file was moved aside, salvaged rows were taken over, the rest is lost. */
  readonly salvage?: JournalSalvage;
}

/** Monotonic milliseconds since some start; never compared with a date. */
export interface MonotonicClock {
  nowMs(): number;
}

/** This computer's own clocks, ms since the epoch: looked at, and believed for nothing that matters. */
export interface WallClock {
  systemAt(): number;
  /** Undefined where there is none, or it cannot be read. Never rejects. */
  batteryAt(): Promise<number | undefined>;
}

/** Runs something later, on the same time as the clock; returns what calls it off. */
export interface Scheduler {
  after(ms: number, run: () => void): () => void;
}

/** What is wired to the machine, as its signed policy says. */
export type Wiring = MachinePolicy["wiring"];

/** The contacts that tell of the machine and of who stands before it (`wiring.inputs`). */
export type InputName = keyof Wiring["inputs"];

export type InputReport =
  /**
   * Debounced; polarity is dealt with. Every wired contact is reported once at the start, and anew after it was lost.
   */
  | { readonly kind: "changed"; readonly input: InputName; readonly active: boolean }
  /** It chatters without end, or can no longer be read: nobody knows how it stands. */
  | { readonly kind: "lost"; readonly input: InputName; readonly reason: string };

/** The machine's contacts. None is reported where none is wired. */
export interface Inputs {
  start(onReport: (report: InputReport) => void): void;
}

/** What lamps, buzzer and the reader's own light say, also to those who do not read. */
export type Signal = ScreenTone;

/** Shows a signal until the next one; trouble with it never reaches the loop. */
export interface Indicator {
  show(signal: Signal): void;
}

export interface UplinkHandlers {
  /** A retained site-state object under its name ("heartbeat", "status/0a1b2c3d" …); nothing of it is verified. */
  onObject(name: string, bytes: Uint8Array): void;
  /** A message on one of the agent's own topics; nothing of it is verified. */
  onMessage(topic: GatewayTopic, bytes: Uint8Array): void;
  onConnected(): void;
  onDisconnected(reason: string): void;
}

/** A dumb pipe to the gateway: it keeps nothing, decides nothing, and its absence changes nothing at the machine. */
export interface Uplink {
  start(handlers: UplinkHandlers): void;
  readonly connected: boolean;
  /** Resolves once the gateway has acknowledged (QoS 1); rejects on time-out or when not connected. */
  publish(topic: AgentTopic, payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** The site-state cache on disk: each save is atomic, what is loaded is verified again by the trust client. */
export interface SiteStateStore {
  /** Objects in the order in which they must be restored (roots ascending, heartbeat, trust, policy, the rest). */
  load(): Promise<{
    readonly firstRoot: Uint8Array;
    readonly objects: readonly { readonly name: string; readonly bytes: Uint8Array }[];
    readonly floorAt: number;
    readonly freshAt: number;
    /** Files of the cache that cannot be used. */
    readonly damaged: readonly string[];
  }>;
  save(
    accepted: readonly { readonly name: string; readonly bytes: Uint8Array }[],
    removed: readonly string[],
  ): Promise<void>;
  saveClock(floorAt: number, freshAt: number): Promise<void>;
}

/**
 * Opens lists away from the loop's thread, which must not wait for them (SAFETY R8). Rejects where the thread ended.
 */
export interface ListOpener {
  open(name: string, bytes: Uint8Array, opening: ListOpening): Promise<Verdict<OpenedList, TrustCode>>;
  close(): Promise<void>;
}

export type ScreenTone =
  "ready" | "reading" | "busy" | "enabled" | "warning" | "refused" | "outOfService" | "attention";

/** One training that somebody lacks. */
export interface ScreenTraining {
  readonly name: string;
  /** "Needed here", "Ended on 1 Jan 2026". */
  readonly why: string;
  /** Where to book it; empty where nobody said. Shown as a QR code. */
  readonly url: string;
}

/** What else holds at this machine, told in every state. */
export interface ScreenNote {
  readonly kind: "lists" | "clock" | "watchOnly" | "open" | "bypass" | "readerLost";
  readonly text: string;
}

/**
 * What the machine's screen shows: plain words, never a code or a name of a person. The first four
 * say it all by themselves, for screens of a few lines; the rest is for those that can do more.
 */
export interface ScreenView {
  readonly tone: ScreenTone;
  readonly headline: string;
  readonly detail: string;
  /** What to do next; may be empty. */
  readonly next: string;
  /** The machine's name. */
  readonly machine?: string;
  /**
   * The monotonic instant at which what is shown ends: the same for as long as it holds, whoever looks counts down to
   * it.
   */
  readonly untilMs?: number;
  /** All that is missing, with who tells more; the screen shows it in place of `detail` and `next`. */
  readonly missing?: { readonly trainings: readonly ScreenTraining[]; readonly more: string; readonly next: string };
  readonly notes?: readonly ScreenNote[];
  /** True while a use can be ended at the screen (SAFETY R14: also without a reader). */
  readonly canEnd?: boolean;
  /** The problems that can be reported at the screen. */
  readonly problems?: readonly string[];
}

/** What people do at the screen itself: nothing that loosens anything. */
export type ScreenAction =
  { readonly kind: "endPressed" } | { readonly kind: "problemReported"; readonly reason: string };

export interface Screen {
  /** The languages it speaks, its own one first; English where absent. */
  readonly languages?: readonly [Messages, ...Messages[]];
  start?(onAction: (action: ScreenAction) => void): void;
  /** `others`: the same in the further languages, in their order. */
  show(view: ScreenView, others?: readonly ScreenView[]): void;
  /** The loop made progress, and what was shown last still holds. Costs nothing; called with every step. */
  confirm?(): void;
  /** One decision, for whoever watches the simulated machine; microseconds from the card's last byte to the verdict. */
  decided(decision: { readonly code: string; readonly decisionUs: number; readonly tapUs: number }): void;
  close(): Promise<void>;
}
