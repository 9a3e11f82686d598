import type { AgentTopic, FaultCode, GatewayTopic, RowPosition, UsageRow } from "@badgekey/shared";

/** Ports of the agent: types only. Drivers implement them, agent.ts uses them, main.ts joins both. */

/** A card or phone in a reader's field, until it leaves it. */
export interface Card {
  /** Rises by one with every presentation of this reader object. */
  readonly presentation: number;
  readonly reader: string;
  readonly atr: Uint8Array;
  /** Sends one APDU; resolves with data and status word. Rejects with CardGoneError once the card has left. One at a time. */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
}

export class CardGoneError extends Error {
  override readonly name = "CardGoneError";
}

export type ReaderEvent =
  | { readonly kind: "readerReady"; readonly reader: string }
  | { readonly kind: "readerLost"; readonly reader: string; readonly reason: string }
  | { readonly kind: "cardPresented"; readonly card: Card }
  | { readonly kind: "cardRemoved"; readonly reader: string; readonly presentation: number };

/** A source of cards. `start` never throws for absent hardware: that is a `readerLost` event and is retried inside. */
export interface Reader {
  start(onEvent: (event: ReaderEvent) => void): void;
  close(): Promise<void>;
}

/** A contact that fails open. Closed only for `ms`; the interlock's loop renews, no driver does (SAFETY R2). */
export interface Relay {
  /** Resolves with the holder's acknowledgement; rejects when none came in 250 ms. */
  permit(ms: number): Promise<void>;
  /** Opens at once; resolves with the acknowledgement. */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** What must survive a restart beside the rows: out of service, latched faults, the open session, counters, the time floor. */
export type Marks = ReadonlyMap<string, Uint8Array>;
/** Sets (bytes) or removes (null) marks. */
export type MarkChanges = ReadonlyMap<string, Uint8Array | null>;

export interface JournalHead extends RowPosition {
  /** The chain after the newest row: 32 bytes. */
  readonly chain: Uint8Array;
}

/** The append-only journal. One writer; lives in a worker thread, so nothing here blocks the caller's loop. */
export interface Journal {
  /** Rows and mark changes in one durable commit (WAL, synchronous=FULL). Resolves once durable, with the new head. */
  append(bodies: readonly Uint8Array[], marks?: MarkChanges): Promise<JournalHead>;
  /** Rows not yet acknowledged that lie after `after` (or from the oldest), oldest first. */
  rowsAfter(after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]>;
  /** Drops rows up to a position if `chain` equals our own hash there; "mismatch" drops nothing. */
  acknowledge(upTo: RowPosition, chain: Uint8Array): Promise<"dropped" | "mismatch">;
  pendingCount(): Promise<number>;
  close(): Promise<void>;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly head: JournalHead;
  readonly marks: Marks;
  /** Set when damage was found: the old file was moved aside, salvaged rows were taken over, the rest is lost. */
  readonly salvage?: {
    readonly movedTo: string;
    readonly rowsKept: number;
    readonly rowsLost: number;
    readonly reason: string;
    /** Then nobody knows what was out of service: the machine starts out of service (SAFETY R5). */
    readonly marksLost: boolean;
  };
}

export type RelayFault = Extract<FaultCode, "RELAY_UNRESPONSIVE">;

/** Monotonic milliseconds since some start; never compared with a date. */
export interface MonotonicClock {
  nowMs(): number;
}

/** Runs something later, on the same time as the clock; returns what calls it off. */
export interface Scheduler {
  after(ms: number, run: () => void): () => void;
}

/** Reads the machine's contact where it is wired back: the proof that it opened (SAFETY R4). */
export interface RelayFeedback {
  position(): "open" | "closed";
}

/** The machine's own buttons. The end button works whatever else fails (SAFETY R14). */
export interface Buttons {
  start(onPress: (button: "start" | "end") => void): void;
  close(): Promise<void>;
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
  }>;
  save(
    accepted: readonly { readonly name: string; readonly bytes: Uint8Array }[],
    removed: readonly string[],
  ): Promise<void>;
  saveClock(floorAt: number, freshAt: number): Promise<void>;
}

/** What the machine's screen shows: plain words of DESIGN section 1, never a code or a name. */
export interface ScreenView {
  readonly tone: "ready" | "busy" | "enabled" | "warning" | "refused" | "outOfService" | "attention";
  readonly headline: string;
  readonly detail: string;
  /** What to do next; may be empty. */
  readonly next: string;
}

export interface Screen {
  show(view: ScreenView): void;
  /** One decision, for whoever watches the simulated machine; microseconds from the card's last byte to the verdict. */
  decided(decision: { readonly code: string; readonly decisionUs: number; readonly tapUs: number }): void;
  close(): Promise<void>;
}
