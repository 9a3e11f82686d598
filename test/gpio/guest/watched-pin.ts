import { until } from "./cases.js";
import type { SimulatedChip } from "./gpio-sim.js";
import { type Edge, edgesOf, type LineTrace, markedAt } from "./line-trace.js";

/** An active-high relay's pin, pulled down, as the simulator's side and the kernel's trace show it. */
export class WatchedPin {
  readonly number: number;
  readonly #chip: SimulatedChip;
  readonly #trace: LineTrace;

  constructor(number: number, chip: SimulatedChip, trace: LineTrace) {
    this.number = number;
    this.#chip = chip;
    this.#trace = trace;
    chip.pull(number, "down");
  }

  get level(): 0 | 1 {
    return this.#chip.level(this.number);
  }

  /** Since the trace was cleared. */
  edges(from: 0 | 1): readonly Edge[] {
    return edgesOf(this.#trace.events(), this.number, 0, from);
  }

  /** Throws where the level has changed at all since the trace was cleared, be it for a microsecond. */
  expectUnmoved(level: 0 | 1): void {
    const edges = this.edges(level);
    if (edges.length > 0) throw new Error(`pin ${this.number} went ${JSON.stringify(edges)}`);
    if (this.level !== level) throw new Error(`pin ${this.number} is ${this.level}`);
  }

  async closed(): Promise<void> {
    await until(`the closed relay on pin ${this.number}`, () => this.level === 1).catch((error: unknown) => {
      throw new Error(`${String(error)}; the line went ${JSON.stringify(this.edges(0))}`);
    });
  }

  /** Does something to the processes of a closed relay; resolves with how many ms later it was open. */
  async openAfter(what: () => void): Promise<number> {
    this.#trace.clear();
    this.#trace.mark("now");
    what();
    await until(`the open relay on pin ${this.number}`, () => this.level === 0, 45_000);
    const events = this.#trace.events();
    const markUs = markedAt(events, "now");
    const fall = edgesOf(events, this.number, 0, 1).find(({ us, level }) => us >= markUs && level === 0);
    if (!fall) throw new Error(`the trace shows no opening: ${JSON.stringify(events.slice(-12))}`);
    return (fall.us - markUs) / 1000;
  }
}
