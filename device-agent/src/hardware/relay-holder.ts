import { writeFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { InputName, Permit, Relay, Wiring } from "../ports.js";
import { HolderInputs } from "./holder-inputs.js";
import type { LampName, LineDriver, LinesConfig, Opener } from "./line.js";
import type { LinesVerdict } from "./lines-of.js";
import { type HolderExit, HolderLink, HolderSilentError } from "./relay-holder-link.js";

const LONGEST_PERMIT_MS = 500;
const OPEN_MS = 250;
const END_MS = 1000;
const LONGEST_PAUSE_MS = 5000;
/** A contact that chatters is told as lost after one second. */
const FIRST_REPORTS_MS = 1500;

export interface HolderRelayOptions {
  readonly lines: LinesConfig;
  /** What another wiring would make of the lines; without one, those of the configuration alone. */
  readonly linesFor: (wiring?: Wiring) => LinesVerdict;
  /** Told before a holder of these lines is started, for whoever must open them when everything died; never rejects. */
  readonly onLines?: (lines: LinesConfig) => Promise<void>;
  /** What does not work and matters to nobody's safety, such as a lamp. */
  readonly onNote?: (note: string) => void;
  /** Why the machine must not be switched though its holder stands, such as a wiring that contradicts itself. */
  readonly refusal?: string | undefined;
}

export interface HolderRelay extends Relay {
  /** Process id of the present holder, for `doctor`. */
  readonly holderPid: number | undefined;
  /** The driver that the present holder uses; undefined until it stands. */
  readonly driver: LineDriver["name"] | undefined;
  readonly inputs: HolderInputs;
  /** Lights these lamps and no others, also with a holder to come. Never waits, never fails. */
  light(lamps: readonly LampName[]): void;
}

/**
 * The machine's lines by their holder process (SAFETY R2). Resolves when the first start has been tried; its failure
 * comes as the second part, and is tried again until it succeeds or the relay is closed.
 */
export async function holderRelay(
  options: HolderRelayOptions,
): Promise<{ readonly relay: HolderRelay; readonly failure: Error | undefined }> {
  const relay = new SupervisedRelay(options);
  const failure = await relay.started.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  return { relay, failure };
}

type Supervision =
  | { readonly kind: "ready"; readonly link: HolderLink }
  | { readonly kind: "starting"; readonly opened: Promise<void> }
  | { readonly kind: "closed" };

class SupervisedRelay implements HolderRelay {
  /** Ready before it is needed: then nothing is read from a disk that may stand still. */
  #linesOff: ((lines: LinesConfig) => void) | undefined;
  readonly inputs = new HolderInputs();
  /** The outcome of the first start. */
  readonly started: Promise<void>;
  readonly #options: HolderRelayOptions;
  #lines: LinesConfig;
  #refusal: string | undefined;
  #state: Supervision;
  #link: HolderLink | undefined;
  #driver: LineDriver["name"] | undefined;
  #lamps: readonly LampName[] = [];
  #failures = 0;
  #onFault: (reason: string) => void = () => {};
  /** The last fault, as long as no holder stands. */
  #fault: string | undefined;
  #onTried: ((error: Error | undefined) => void)[] = [];
  #closing: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(options: HolderRelayOptions) {
    this.#options = options;
    this.#lines = options.lines;
    this.#refusal = options.refusal;
    this.started = this.#nextTry();
    this.#state = { kind: "starting", opened: this.#startUntilReady(undefined) };
  }

  get holderPid(): number | undefined {
    return this.#link?.pid;
  }

  get driver(): LineDriver["name"] | undefined {
    return this.#driver;
  }

  async permit(ms: number, what: Permit): Promise<void> {
    if (!Number.isFinite(ms) || ms < 1) throw new RangeError("a permit lasts 1 to 500 ms");
    if (this.#state.kind !== "ready") throw new Error(this.#excuse());
    if (this.#refusal !== undefined) throw new Error(this.#refusal);
    if (what.relay === "closed" && !this.#lines.outputs.relay) throw new Error("no pin is named for the relay");
    const { link } = this.#state;
    const answer = await this.#answered(link, link.permit(Math.floor(Math.min(ms, LONGEST_PERMIT_MS)), what));
    if (answer === "late") throw new Error("a permit was not renewed in time; the relay has opened");
    this.#failures = 0;
  }

  /** Rejects, with everything inactive, as long as a wiring is refused: then this relay is not fit for use. */
  async open(): Promise<void> {
    if (this.#state.kind === "closed") throw new Error(this.#excuse());
    if (this.#state.kind === "ready") await this.#answered(this.#state.link, this.#state.link.open());
    else await within(OPEN_MS, this.#state.opened, this.#excuse()); // a new holder opens before it says a word
    if (this.#refusal !== undefined) throw new Error(this.#refusal);
  }

  watch(onFault: (reason: string) => void): void {
    this.#onFault = onFault;
    const standing = this.#fault ?? this.#refusal;
    if (standing !== undefined) onFault(standing);
  }

  /** Rejects in words where the wiring contradicts itself, or no holder stands with it at the first try. */
  async rewire(wiring: Wiring): Promise<void> {
    if (this.#isClosing()) throw new Error("the relay is closed down");
    const verdict = this.#options.linesFor(wiring);
    const isKnown = verdict.ok && this.#refusal === undefined && isDeepStrictEqual(verdict.lines, this.#lines);
    if (isKnown && this.#state.kind === "ready") return;
    const own = this.#options.linesFor();
    this.#refusal = verdict.ok ? undefined : verdict.problem;
    if (verdict.ok) this.#lines = verdict.lines;
    else if (own.ok) this.#lines = own.lines;
    this.#failures = 0;
    await this.#exchange();
    if (!verdict.ok) throw new Error(verdict.problem);
  }

  light(lamps: readonly LampName[]): void {
    this.#lamps = lamps;
    if (this.#state.kind === "ready") this.#state.link.light(lamps);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#state = { kind: "closed" };
    this.#wake();
    if (this.#link) await this.#ended(this.#link);
  }

  /** Ends a holder that stands, and starts one with the lines of now. Settles as the first try does. */
  #exchange(): Promise<void> {
    const tried = this.#nextTry();
    if (this.#state.kind === "ready") {
      const { link } = this.#state;
      this.#state = { kind: "starting", opened: this.#ended(link).then(() => this.#startUntilReady(undefined)) };
    } else {
      this.#wake(); // what is being started looks at the lines of now
    }
    return tried;
  }

  #nextTry(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onTried.push((error) => (error ? reject(error) : resolve()));
    });
  }

  /** Passes an answer on; silence is the end of this holder. */
  async #answered<T>(link: HolderLink, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      // Still ready: it hangs. Not ready any more: its death was noticed first and is dealt with.
      if (error instanceof HolderSilentError) this.#replace(link, error.message);
      throw error;
    }
  }

  #watchOver(link: HolderLink): void {
    void link.exited.then(({ reason }) => this.#replace(link, `the relay holder ${reason}`));
  }

  /** Ends a holder that hangs or died, tells, and starts the next. */
  #replace(link: HolderLink, reason: string): void {
    if (this.#state.kind !== "ready" || this.#state.link !== link) return;
    link.putDown();
    this.#state = { kind: "starting", opened: this.#startUntilReady(link) };
    this.inputs.lose(reason);
    this.#fault = reason;
    this.#onFault(reason);
  }

  /** Tries until a holder stands or the relay is closed, with a growing wait between the tries. */
  async #startUntilReady(dead: HolderLink | undefined): Promise<void> {
    // Node takes up to two seconds to start on a small Pi; this takes milliseconds. Only after the death, or the hung
    // holder could close the line again.
    if (dead) await this.#openPast(await dead.exited);
    while (!this.#isClosing()) {
      await this.#pause();
      const error = await this.#start();
      for (const tell of this.#onTried.splice(0)) tell(error);
      if (!error) return;
      // The fault was told at the death; what the tries meet is told to who watches later.
      this.#fault ??= error.message;
    }
  }

  /** One try with the lines of now; undefined when it stands. */
  async #start(): Promise<Error | undefined> {
    const lines = this.#lines;
    await this.#options.onLines?.(lines);
    if (this.#isClosing()) return new Error("the relay is closed down");
    this.inputs.forget();
    let link: HolderLink;
    try {
      link = new HolderLink(lines, {
        onReport: (report) => this.#link === link && this.inputs.take(report),
        onNote: (note) => this.#options.onNote?.(note),
      });
    } catch (error) {
      // Where memory is short a process may not even be made.
      return error as Error;
    }
    this.#link = link;
    try {
      const { driver } = await link.ready();
      this.#driver = driver;
      if (driver === "chardev") this.#linesOff ??= await preparedLinesOff();
      await this.inputs.reported(Object.keys(lines.inputs) as InputName[], FIRST_REPORTS_MS);
    } catch (error) {
      link.kill();
      await link.exited;
      return this.#lines === lines || this.#isClosing() ? (error as Error) : this.#start();
    }
    if (this.#isClosing()) return new Error("the relay is closed down");
    if (this.#lines !== lines) {
      await this.#ended(link);
      return this.#start();
    }
    this.#fault = undefined;
    this.#state = { kind: "ready", link };
    this.#watchOver(link);
    link.light(this.#lamps);
    return undefined;
  }

  /** Asks a holder to let everything go and end; makes it end, and opens what it may have left. */
  async #ended(link: HolderLink): Promise<void> {
    link.end();
    const timer = setTimeout(() => link.kill(), END_MS);
    const exit = await link.exited;
    clearTimeout(timer);
    await this.#openPast(exit);
  }

  /** Opens the lines of a holder that is gone: the kernel may have left them as they were. */
  async #openPast({ openers, held }: HolderExit): Promise<void> {
    await openByWriting(openers);
    if (held?.driver === "chardev") this.#linesOff?.(held.lines);
  }

  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  async #pause(): Promise<void> {
    const ms = this.#failures === 0 ? 0 : Math.min(100 * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #excuse(): string {
    return this.#state.kind === "closed" ? "the relay is closed down" : "the relay holder is being started anew";
  }
}

/** Opens the lines past the holder. A failure is no news: the next holder opens first, and says why it cannot. */
async function openByWriting(openers: readonly Opener[]): Promise<void> {
  for (const { path, text } of openers) {
    try {
      await writeFile(path, text, { flag: "r+" });
    } catch {
      continue;
    }
  }
}

/**
 * What makes outputs of the character device inactive past a dead holder. There is no file to write, and Raspberry Pi
 * OS keeps such a pin as it was. Some ioctls on a device that nobody holds any more: no disk, no waiting.
 */
async function preparedLinesOff(): Promise<(lines: LinesConfig) => void> {
  const [{ linesOff }, { loadKernel }] = await Promise.all([import("./lines-off.js"), import("./gpio-ioctl.js")]);
  const kernel = loadKernel();
  return ({ driver, outputs }) => void linesOff({ driver, outputs, lamps: {} }, { kernel: () => kernel });
}

function within(ms: number, work: Promise<void>, otherwise: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(otherwise)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
