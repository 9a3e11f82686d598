import { writeFile } from "node:fs/promises";
import type { Relay, RelayFault } from "../ports.js";
import { HolderLink, HolderSilentError } from "./relay-holder-link.js";
import type { LineConfig } from "./relay-line.js";

const LONGEST_PERMIT_MS = 500;
const OPEN_MS = 250;
const END_MS = 1000;
const LONGEST_PAUSE_MS = 5000;

export interface HolderRelayOptions {
  readonly line: LineConfig;
  /** Told once for each holder that hung or died; the next one is started at once and opens first (SAFETY R2). */
  readonly onFault: (fault: RelayFault, reason: string) => void;
}

export interface HolderRelay extends Relay {
  /** Process id of the present holder, for `doctor`. */
  readonly holderPid: number | undefined;
}

/**
 * The relay by its holder process (SAFETY R2). Resolves when the holder has opened the line; rejects with a
 * DriverMissingError, which carries the command that mends it, or with an Error that names what is wrong.
 */
export async function holderRelay(options: HolderRelayOptions): Promise<HolderRelay> {
  const link = new HolderLink(options.line);
  try {
    await link.ready();
  } catch (error) {
    link.kill();
    throw error;
  }
  return new SupervisedRelay(options, link);
}

type Supervision =
  | { readonly kind: "ready"; readonly link: HolderLink }
  | { readonly kind: "starting"; readonly opened: Promise<void> }
  | { readonly kind: "closed" };

class SupervisedRelay implements HolderRelay {
  readonly #options: HolderRelayOptions;
  #state: Supervision;
  #link: HolderLink;
  #failures = 0;
  #closing: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(options: HolderRelayOptions, link: HolderLink) {
    this.#options = options;
    this.#link = link;
    this.#state = { kind: "ready", link };
    this.#watch(link);
  }

  get holderPid(): number | undefined {
    return this.#link.pid;
  }

  async permit(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 1) throw new RangeError("a permit lasts 1 to 500 ms");
    if (this.#state.kind !== "ready") throw new Error(this.#excuse());
    const { link } = this.#state;
    const answer = await this.#answered(link, link.permit(Math.floor(Math.min(ms, LONGEST_PERMIT_MS))));
    if (answer === "late") throw new Error("the permit reached the relay holder after its own end; the relay is open");
    this.#failures = 0;
  }

  async open(): Promise<void> {
    if (this.#state.kind === "closed") throw new Error(this.#excuse());
    if (this.#state.kind === "ready") await this.#answered(this.#state.link, this.#state.link.open());
    else await within(OPEN_MS, this.#state.opened, this.#excuse()); // a new holder opens before it says a word
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#state = { kind: "closed" };
    this.#wake();
    const link = this.#link;
    link.end();
    const timer = setTimeout(() => link.kill(), END_MS);
    const { opener } = await link.exited;
    clearTimeout(timer);
    if (opener) await openByWriting(opener);
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

  #watch(link: HolderLink): void {
    void link.exited.then(({ reason }) => this.#replace(link, `the relay holder ${reason}`));
  }

  /** Kills a holder that hangs or died, tells, and starts the next. */
  #replace(link: HolderLink, reason: string): void {
    if (this.#state.kind !== "ready" || this.#state.link !== link) return;
    link.kill();
    const opened = this.#startNext(link);
    this.#state = { kind: "starting", opened };
    this.#options.onFault("RELAY_UNRESPONSIVE", reason);
  }

  /** Tries until a holder stands or the relay is closed. */
  async #startNext(dead: HolderLink): Promise<void> {
    const { opener } = await dead.exited;
    // Node takes up to two seconds to start on a small Pi; a file is written at once. Only after the death, or the
    // hung holder could close the line again.
    if (opener) await openByWriting(opener);
    for (;;) {
      await this.#pause();
      if (this.#isClosing()) return;
      const link = new HolderLink(this.#options.line);
      this.#link = link;
      try {
        await link.ready();
      } catch {
        // The fault stands since the first death; the wait before the next try grows.
        link.kill();
        await link.exited;
        continue;
      }
      if (this.#isClosing()) return;
      this.#state = { kind: "ready", link };
      this.#watch(link);
      return;
    }
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

/** Opens the line past the holder. A failure is no news: the next holder opens first, and says why it cannot. */
async function openByWriting({ path, text }: { readonly path: string; readonly text: string }): Promise<void> {
  try {
    await writeFile(path, text, { flag: "r+" });
  } catch {
    return;
  }
}

function within(ms: number, work: Promise<void>, otherwise: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(otherwise)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
