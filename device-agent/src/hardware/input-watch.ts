import type { InputName } from "../ports.js";
import { type Debounced, type DebounceReport, debounce, type Look, UNSEEN } from "./debounce.js";
import type { InputLine, LineDriver, Pin } from "./line.js";

const REOPEN_MS = 1000;

/**
 * One wired contact inside the holder: opened, looked at, debounced. Trouble with it is its own report, never an error.
 */
export class InputWatch {
  readonly #open: () => InputLine;
  #line: InputLine | undefined;
  #failure = "";
  #openAtMs = Number.NEGATIVE_INFINITY;
  #state: Debounced = UNSEEN;

  constructor(driver: LineDriver, name: InputName, pin: Pin) {
    this.#open = () => driver.openInput(name, pin);
  }

  /**
   * Takes one look. A contact that could not be opened is tried again each second, but not while `isPermitted`: opening
   * one may take time that a permit's end does not have.
   */
  look(nowMs: number, isPermitted: boolean): DebounceReport | undefined {
    if (!this.#line && !isPermitted && nowMs >= this.#openAtMs) this.#tryToOpen(nowMs);
    const { next, report } = debounce(this.#state, this.#sample(), nowMs);
    this.#state = next;
    return report;
  }

  #tryToOpen(nowMs: number): void {
    try {
      this.#line = this.#open();
    } catch (error) {
      this.#failure = wordsOf(error);
      this.#openAtMs = nowMs + REOPEN_MS;
    }
  }

  #sample(): Look {
    if (!this.#line) return { failure: this.#failure };
    try {
      return this.#line.sample();
    } catch (error) {
      return { failure: wordsOf(error) };
    }
  }
}

/** On one line: it goes through a pipe of lines. */
function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ");
}
