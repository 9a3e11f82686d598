import type { MonotonicClock, Scheduler } from "../ports.js";

const FRACTION_MS = 0.25;

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A monotonic clock moved by hand, with its timers. Between two timers everything that can go on goes on. */
export class FakeClock implements MonotonicClock, Scheduler {
  #nowMs: number;
  #timers: Timer[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  /** With a fraction, as the real one: whoever stores or signs it finds out here. */
  nowMs(): number {
    return this.#nowMs + FRACTION_MS;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on, timer by timer, and lets all promises settle after each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#takeNext(endMs); next; next = this.#takeNext(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Time goes on and nothing runs, as in a process that was halted. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  #takeNext(endMs: number): Timer | undefined {
    // Timers for the same moment run in the order in which they were set.
    const next = this.#timers.reduce<Timer | undefined>(
      (first, timer) => (timer.atMs <= endMs && (!first || timer.atMs < first.atMs) ? timer : first),
      undefined,
    );
    if (next) this.#timers = this.#timers.filter((timer) => timer !== next);
    return next;
  }
}

export function fakeClock(startMs = 0): FakeClock {
  return new FakeClock(startMs);
}

/** Resolves once no promise that is ready has anything left to do. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
