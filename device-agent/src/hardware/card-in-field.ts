import { type Card, CardGoneError } from "../ports.js";

export interface CardInFieldOptions {
  readonly presentation: number;
  readonly reader: string;
  readonly atr: Uint8Array;
  /** The number by which its driver knows it. */
  readonly id: number;
  readonly timeoutMs: number;
  readonly send: (apduId: number, apdu: Uint8Array) => void;
  /** Called when an answer did not come in time. */
  readonly onHang?: () => void;
}

/** A card on which a driver sends commands elsewhere: they wait for one another, and for no longer than `timeoutMs`. */
export class CardInField implements Card {
  readonly presentation: number;
  readonly reader: string;
  readonly atr: Uint8Array;
  readonly id: number;
  readonly #options: CardInFieldOptions;
  #gone = false;
  #apdus = 0;
  #last: Promise<unknown> = Promise.resolve();
  #settle: ((outcome: Uint8Array | Error) => void) | undefined;

  constructor(options: CardInFieldOptions) {
    this.presentation = options.presentation;
    this.reader = options.reader;
    this.atr = options.atr;
    this.id = options.id;
    this.#options = options;
  }

  transmit(apdu: Uint8Array): Promise<Uint8Array> {
    const exchange = (): Promise<Uint8Array> => this.#exchange(apdu);
    // One at a time, whatever became of the one before.
    const answer = this.#last.then(exchange, exchange);
    this.#last = answer;
    return answer;
  }

  /** Takes the outcome of one APDU; late ones are dropped. */
  settle(apduId: number, outcome: Uint8Array | Error): void {
    if (apduId === this.#apdus) this.#settle?.(outcome);
  }

  leave(): void {
    this.#gone = true;
    this.#settle?.(new CardGoneError("the card left the field, or the reader was lost"));
  }

  #exchange(apdu: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(new CardGoneError("the card left the field"));
      const { timeoutMs, send, onHang } = this.#options;
      const timer = setTimeout(() => {
        this.#settle?.(new Error(`no answer in ${timeoutMs} ms`));
        onHang?.();
      }, timeoutMs);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      send(++this.#apdus, apdu);
    });
  }
}
