import type { Signal } from "../ports.js";
import { lightCommand } from "./pcsc-light.js";

/** The reader has better things to do: cards. */
const SHOW_EVERY_MS = 250;
/** A reader that is lost twice while its light is being set is one that its light hangs up. */
const MOST_LOSSES = 2;

/**
 * Keeps the bound reader's light at the newest signal: one command at a time, four a second at most. A reader without a
 * light, one that refuses, and one that the command made hang, is left alone.
 */
export class LightKeeper {
  #wanted: Signal | undefined;
  #shown: Signal | undefined;
  #reader: string | undefined;
  #send: ((command: Uint8Array) => void) | undefined;
  #isAsked = false;
  #losses = 0;
  #pause: NodeJS.Timeout | undefined;

  show(signal: Signal): void {
    this.#wanted = signal;
    this.#follow();
  }

  bind(reader: string, send: (command: Uint8Array) => void): void {
    this.unbind("rebound");
    this.#reader = reader;
    this.#send = send;
    this.#follow();
  }

  unbind(how: "lost" | "rebound" | "closed"): void {
    if (how === "lost" && this.#isAsked) this.#losses += 1;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#reader = undefined;
    this.#send = undefined;
    this.#shown = undefined;
    this.#isAsked = false;
  }

  /** The answer to the last command. A reader that refused once is not asked again until it is bound anew. */
  settle(isShown: boolean): void {
    this.#isAsked = false;
    if (!isShown) this.#send = undefined;
    this.#follow();
  }

  #follow(): void {
    const signal = this.#wanted;
    if (signal === undefined || signal === this.#shown || this.#isAsked || this.#pause) return;
    if (!this.#send || this.#reader === undefined || this.#losses >= MOST_LOSSES) return;
    const command = lightCommand(this.#reader, signal);
    if (!command) return;
    this.#shown = signal;
    this.#isAsked = true;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#follow();
    }, SHOW_EVERY_MS);
    this.#send(command);
  }
}
