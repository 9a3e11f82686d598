import { fromHex, toHex } from "@badgekey/shared";
import { CardGoneError, type Reader, type ReaderEvent, type Signal } from "../ports.js";
import { CardInField } from "./card-in-field.js";
import { PCSCD_SOCKET, type ReaderLauncher, type ReaderProcess, pcscLauncher } from "./pcsc-launch.js";
import { LightKeeper } from "./pcsc-light-keeper.js";
import { ALIVE_EVERY_MS, type FromReaderProcess } from "./pcsc-messages.js";

export interface PcscReaderOptions {
  /**
   * Beginning of the reader's name, or another part of it: serial number, USB path. Needed where several are connected.
   */
  readonly name?: string;
  /** Longest wait for one answer; 2000 ms unless told. Beyond it the reader process is ended and started anew. */
  readonly apduTimeoutMs?: number;
  /** pcscd's socket, where it is not the usual one. */
  readonly socket?: string;
  /** Starts the reader process; tests put their own here. */
  readonly launcher?: ReaderLauncher;
}

const APDU_TIMEOUT_MS = 2000;
const SILENCE_MS = 5 * ALIVE_EVERY_MS;
const SILENT = `hung: the reader process was silent for ${SILENCE_MS} ms`;
const PROBE_EVERY_MS = 500;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;
/** A reader process that worked this long has recovered: the next failure starts the back-off from its beginning. */
const RECOVERED_MS = 10_000;

/**
 * A PC/SC reader on nfc-pcsc, which runs in a supervised child process (SAFETY R14): its crash or hang is a
 * `readerLost` and a restart with back-off, never more. `reason` begins with what kind of trouble it is: "absent:",
 * "ambiguous:", "missing:", "service:", "hung:" or "failed:". "ambiguous:" and "missing:" do not mend themselves.
 */
export function pcscReader(options: PcscReaderOptions = {}): Reader {
  return new PcscReader(options);
}

class PcscReader implements Reader {
  readonly #wanted: string | undefined;
  readonly #apduTimeoutMs: number;
  readonly #launcher: ReaderLauncher;
  readonly #light = new LightKeeper();
  #onEvent: (event: ReaderEvent) => void = () => undefined;
  #process: ReaderProcess | undefined;
  #reader: string | undefined;
  #lostReason: string | undefined;
  #card: CardInField | undefined;
  #presentation = 0;
  #failures = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  #recoveredTimer: NodeJS.Timeout | undefined;
  /** The running process is being ended: what it still says does not count. */
  #condemned = false;
  /** Its trouble has been told since it started or bound a reader. */
  #explained = false;
  #closed = false;
  #onEnded: () => void = () => undefined;

  constructor(options: PcscReaderOptions) {
    this.#wanted = options.name;
    this.#apduTimeoutMs = options.apduTimeoutMs ?? APDU_TIMEOUT_MS;
    this.#launcher = options.launcher ?? pcscLauncher(options.socket ?? PCSCD_SOCKET);
  }

  start(onEvent: (event: ReaderEvent) => void): void {
    this.#onEvent = onEvent;
    this.#retryAfter(0);
  }

  show(signal: Signal): void {
    this.#light.show(signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#light.unbind("closed");
    for (const timer of [this.#retryTimer, this.#silenceTimer, this.#recoveredTimer]) clearTimeout(timer);
    this.#dropCard();
    const running = this.#process;
    if (!running) return;
    await new Promise<void>((resolve) => {
      this.#onEnded = resolve;
      running.kill();
    });
  }

  async #attempt(): Promise<void> {
    const trouble = await this.#launcher.trouble();
    if (this.#closed) return;
    if (trouble !== undefined) {
      this.#lose(trouble);
      this.#retryAfter(PROBE_EVERY_MS);
      return;
    }
    const started = this.#launcher.launch(this.#wanted, {
      onMessage: (message) => this.#process === started && this.#hear(message),
      onNonsense: (what) => this.#process === started && this.#distrust(what),
      onEnd: (how) => this.#process === started && this.#recover(how),
    });
    this.#process = started;
    this.#condemned = false;
    this.#explained = false;
    this.#expectLife();
  }

  #hear(message: FromReaderProcess): void {
    if (this.#closed || this.#condemned) return;
    this.#expectLife();
    switch (message.type) {
      case "alive":
        return;
      case "bound":
        return this.#bind(message.reader);
      case "unbound":
        return this.#lose(message.reason);
      case "found":
        if (this.#reader !== undefined) this.#onEvent({ kind: "cardFound", reader: this.#reader });
        return;
      case "card":
        return this.#present(message.card, fromHex(message.atr));
      case "gone":
        return this.#remove(message.card);
      case "answer":
        return this.#card?.settle(message.id, fromHex(message.data));
      case "failed":
        return this.#card?.settle(
          message.id,
          message.gone ? new CardGoneError(message.message) : new Error(message.message),
        );
      case "shown":
        return this.#light.settle(message.ok);
    }
  }

  #distrust(what: string): void {
    if (!this.#closed && !this.#condemned) this.#fail(`failed: the reader process wrote ${what}`);
  }

  #bind(reader: string): void {
    this.#reader = reader;
    this.#lostReason = undefined;
    this.#explained = false;
    clearTimeout(this.#recoveredTimer);
    this.#recoveredTimer = setTimeout(() => (this.#failures = 0), RECOVERED_MS);
    const running = this.#process;
    if (running) this.#light.bind(reader, (data) => running.send({ type: "light", data: toHex(data) }));
    this.#onEvent({ kind: "readerReady", reader });
  }

  #present(id: number, atr: Uint8Array): void {
    const reader = this.#reader;
    const running = this.#process;
    if (reader === undefined || !running) return;
    this.#dropCard();
    const card = new CardInField({
      presentation: ++this.#presentation,
      reader,
      atr,
      id,
      timeoutMs: this.#apduTimeoutMs,
      send: (apduId, apdu) => running.send({ type: "apdu", card: id, id: apduId, data: toHex(apdu) }),
      onHang: () =>
        this.#process === running && this.#fail(`hung: no answer from the reader in ${this.#apduTimeoutMs} ms`),
    });
    this.#card = card;
    this.#onEvent({ kind: "cardPresented", card });
  }

  #remove(id: number): void {
    const card = this.#card;
    if (card?.id !== id) return;
    this.#dropCard();
    this.#onEvent({ kind: "cardRemoved", reader: card.reader, presentation: card.presentation });
  }

  #dropCard(): void {
    this.#card?.leave();
    this.#card = undefined;
  }

  /** The reader is not there any more, or never was. Told once a reason: retries that end alike are no news. */
  #lose(reason: string): void {
    const reader = this.#reader ?? this.#wanted ?? "pcsc";
    this.#reader = undefined;
    this.#light.unbind("lost");
    this.#explained = true;
    clearTimeout(this.#recoveredTimer);
    this.#dropCard();
    if (this.#lostReason === reason) return;
    this.#lostReason = reason;
    this.#onEvent({ kind: "readerLost", reader, reason });
  }

  #fail(reason: string): void {
    this.#condemned = true;
    this.#lose(reason);
    this.#process?.kill();
  }

  /** Starts a new process in place of the one that ended. */
  #recover(how: string): void {
    this.#process = undefined;
    clearTimeout(this.#silenceTimer);
    this.#onEnded();
    if (this.#closed) return;
    if (!this.#explained) this.#lose(`failed: the reader process ${how}`);
    this.#retryAfter(Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++));
  }

  #retryAfter(ms: number): void {
    this.#retryTimer = setTimeout(() => {
      this.#attempt().catch((error: unknown) => this.#refuse(error));
    }, ms);
  }

  /** Not even starting a process works: the machine is out of memory or processes. */
  #refuse(error: unknown): void {
    this.#lose(`failed: the reader process could not be started (${String(error)})`);
    this.#retryAfter(LONGEST_DELAY_MS);
  }

  #expectLife(): void {
    clearTimeout(this.#silenceTimer);
    const timer = setTimeout(() => {
      // Where this process itself stood still, what the reader process said meanwhile is read first.
      setImmediate(() => {
        if (this.#silenceTimer === timer && !this.#closed) this.#fail(SILENT);
      });
    }, SILENCE_MS);
    this.#silenceTimer = timer;
  }
}
