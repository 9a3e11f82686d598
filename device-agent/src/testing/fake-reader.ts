import type { VirtualCard } from "@badgekey/shared/testing";
import { type Card, CardGoneError, type Reader, type ReaderEvent, type ScreenTone } from "../ports.js";

export interface InsertOptions {
  /** The card is pulled away instead of answering its n-th command, counted from 1. */
  readonly pulledAt?: number;
  /** The card never answers from its n-th command on. */
  readonly silentFrom?: number;
}

/** A reader with virtual cards: it can be lost and come back, and a card can be pulled in the middle of a dialogue. */
export class FakeReader implements Reader {
  readonly name: string;
  #onEvent: (event: ReaderEvent) => void = () => undefined;
  #state: "new" | "ready" | "lost" | "closed" = "new";
  #presentation = 0;
  #card: FakeCard | undefined;
  #lying: VirtualCard | undefined;

  constructor(name = "reader-1") {
    this.name = name;
  }

  /** The reader is there from the start on, with what was laid on it. */
  start(onEvent: (event: ReaderEvent) => void): void {
    this.#onEvent = onEvent;
    if (this.#state === "new") this.ready();
  }

  /** What its own light shows. */
  light: ScreenTone | undefined;

  show(tone: ScreenTone): void {
    this.light = tone;
  }

  close(): Promise<void> {
    this.#drop();
    this.#state = "closed";
    return Promise.resolve();
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Before `start`: the reader will not be there. */
  absent(): void {
    this.#state = "lost";
  }

  ready(): void {
    this.#state = "ready";
    this.#onEvent({ kind: "readerReady", reader: this.name });
    if (this.#lying) this.#onEvent({ kind: "cardFound", reader: this.name });
  }

  lose(reason = "absent: unplugged"): void {
    this.#drop();
    this.#state = "lost";
    this.#onEvent({ kind: "readerLost", reader: this.name, reason });
  }

  /** The same reader for a new process, with what lies on it. */
  reborn(): FakeReader {
    const reader = new FakeReader(this.name);
    const lying = this.#card?.virtual ?? this.#lying;
    if (lying) reader.lay(lying);
    return reader;
  }

  /** Lays a card where no reader looks yet. */
  lay(card: VirtualCard): void {
    this.#lying = card;
  }

  insert(card: VirtualCard, options: InsertOptions = {}): void {
    if (this.#card) this.remove();
    this.#presentation += 1;
    const shown = new FakeCard({ reader: this.name, presentation: this.#presentation, card, options }, () =>
      this.remove(),
    );
    this.#card = shown;
    this.#onEvent({ kind: "cardPresented", card: shown });
  }

  remove(): void {
    const card = this.#card;
    this.#lying = undefined;
    if (!card) return;
    this.#drop();
    this.#onEvent({ kind: "cardRemoved", reader: this.name, presentation: card.presentation });
  }

  #drop(): void {
    this.#card?.leave();
    this.#card = undefined;
  }
}

interface FakeCardParts {
  readonly reader: string;
  readonly presentation: number;
  readonly card: VirtualCard;
  readonly options: InsertOptions;
}

class FakeCard implements Card {
  readonly reader: string;
  readonly presentation: number;
  readonly atr: Uint8Array;
  readonly virtual: VirtualCard;
  readonly #options: InsertOptions;
  readonly #pull: () => void;
  #commands = 0;
  #isGone = false;
  #onGone: (error: CardGoneError) => void = () => undefined;

  constructor({ reader, presentation, card, options }: FakeCardParts, pull: () => void) {
    this.reader = reader;
    this.presentation = presentation;
    this.atr = card.atr;
    this.virtual = card;
    this.#options = options;
    this.#pull = pull;
    card.reset();
  }

  transmit(apdu: Uint8Array): Promise<Uint8Array> {
    this.#commands += 1;
    if (this.#commands === this.#options.pulledAt) this.#pull();
    if (this.#isGone) return Promise.reject(new CardGoneError("the card left the field"));
    if (this.#commands >= (this.#options.silentFrom ?? Number.POSITIVE_INFINITY)) {
      return new Promise((_resolve, reject) => (this.#onGone = reject));
    }
    return Promise.resolve(this.virtual.apdu(apdu));
  }

  leave(): void {
    this.#isGone = true;
    this.#onGone(new CardGoneError("the card left the field"));
  }
}

export function fakeReader(name?: string): FakeReader {
  return new FakeReader(name);
}
