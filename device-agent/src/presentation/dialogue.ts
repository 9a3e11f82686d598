import { toHex } from "@badgekey/shared";
import { type Card, CardGoneError } from "../ports.js";
import { CardError } from "./card-error.js";

/** What a card answered to one command. */
export interface Answer {
  readonly data: Uint8Array;
  /** Status word, 0x9000 for success. */
  readonly status: number;
}

export interface DialogueOptions {
  /** Ends the dialogue with CARD_UNREADABLE when it is aborted: the bound on the whole dialogue's time. */
  readonly signal?: AbortSignal;
}

const OK = 0x9000;

/** A talk with one card: one command after the other, each answer checked and counted. */
export class Dialogue {
  readonly #card: Card;
  readonly #signal: AbortSignal | undefined;
  #count = 0;

  constructor(card: Card, { signal }: DialogueOptions = {}) {
    this.#card = card;
    this.#signal = signal;
  }

  /** Commands sent so far. */
  get apduCount(): number {
    return this.#count;
  }

  /** Sends one command. Throws CardError CARD_UNREADABLE when nothing that has a status word comes back. */
  async exchange(command: Uint8Array): Promise<Answer> {
    this.#count++;
    const answer = await this.#transmit(command);
    const [high, low] = answer.subarray(-2);
    if (high === undefined || low === undefined) {
      throw new CardError("CARD_UNREADABLE", `an answer of ${answer.length} bytes to ${describe(command)}`);
    }
    return { data: answer.subarray(0, -2), status: high * 256 + low };
  }

  /** As exchange, for a command that must succeed with `length` bytes of data. Throws CardError CARD_UNREADABLE. */
  async demand(command: Uint8Array, length: number): Promise<Uint8Array> {
    const { data, status } = await this.exchange(command);
    if (status !== OK) throw unexpectedStatus(command, status);
    if (data.length !== length) {
      throw new CardError("CARD_UNREADABLE", `${data.length} bytes instead of ${length} to ${describe(command)}`);
    }
    return data;
  }

  /** The card's UID of 4, 7 or 10 bytes. Throws CardError CARD_UNREADABLE. */
  async readUid(): Promise<Uint8Array> {
    const command = Uint8Array.of(0xff, 0xca, 0x00, 0x00, 0x00);
    const { data, status } = await this.exchange(command);
    if (status !== OK) throw unexpectedStatus(command, status);
    if (![4, 7, 10].includes(data.length)) throw new CardError("CARD_UNREADABLE", `a UID of ${data.length} bytes`);
    return data.slice();
  }

  async #transmit(command: Uint8Array): Promise<Uint8Array> {
    const signal = this.#signal;
    try {
      signal?.throwIfAborted();
      const answer = this.#card.transmit(command);
      return await (signal ? firstOf(answer, signal) : answer);
    } catch (cause) {
      if (signal?.aborted) throw new CardError("CARD_UNREADABLE", "the dialogue took too long", { cause });
      const message =
        cause instanceof CardGoneError ? "the card left the field" : "the reader could not reach the card";
      throw new CardError("CARD_UNREADABLE", message, { cause });
    }
  }
}

export function unexpectedStatus(command: Uint8Array, status: number): CardError {
  const word = status.toString(16).padStart(4, "0");
  return new CardError("CARD_UNREADABLE", `status ${word} to ${describe(command)}`);
}

/** The first four bytes only: data that follows them may be a badge, which no log shall hold. */
function describe(command: Uint8Array): string {
  return `command ${toHex(command.subarray(0, 4))}`;
}

function firstOf<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
