import { appendFileSync, readFileSync, writeFileSync } from "node:fs";

const TRACING = "/sys/kernel/tracing";

/** What happened to a line, or a mark of our own; `us` is the guest's monotonic clock in microseconds. */
export type TraceEvent =
  | { readonly kind: "level"; readonly us: number; readonly pin: number; readonly level: 0 | 1 }
  | { readonly kind: "output" | "input" | "released"; readonly us: number; readonly pin: number }
  | { readonly kind: "mark"; readonly us: number; readonly text: string };

/**
 * The kernel's own record of every line that was set or let go. The kernel tells of no release of a line, which the
 * simulator answers by the pin's pull: a probe on the simulator adds it.
 */
export class LineTrace {
  readonly #base: number;

  constructor(base: number) {
    this.#base = base;
    write("trace_clock", "mono");
    write("kprobe_events", "p:released gpio_sim_free offset=%si:u32");
    write("events/gpio/enable", "1");
    write("events/kprobes/released/enable", "1");
    // Set to 0 by a reader that died with the file open.
    write("tracing_on", "1");
  }

  clear(): void {
    write("trace", "");
  }

  /** Writes a mark between the kernel's own events. */
  mark(text: string): void {
    appendFileSync(`${TRACING}/trace_marker`, text);
  }

  events(): readonly TraceEvent[] {
    const lines = readFileSync(`${TRACING}/trace`, "utf8").split("\n");
    if (lines.some((line) => line.includes("LOST"))) throw new Error("the kernel's trace lost events");
    return lines.flatMap((line) => this.#parse(line));
  }

  #parse(line: string): readonly TraceEvent[] {
    const [, seconds, name, rest = ""] = / (\d+\.\d{6}): (\w+): (.*)$/.exec(line) ?? [];
    if (seconds === undefined) return [];
    const us = Math.round(Number(seconds) * 1e6);
    const set = /^(\d+) set +([01])/.exec(rest);
    if (name === "gpio_value" && set) {
      return [{ kind: "level", us, pin: Number(set[1]) - this.#base, level: set[2] === "1" ? 1 : 0 }];
    }
    const direction = /^(\d+) +(in|out) \((-?\d+)\)/.exec(rest);
    if (name === "gpio_direction" && direction) {
      return [{ kind: direction[2] === "in" ? "input" : "output", us, pin: Number(direction[1]) - this.#base }];
    }
    const released = /offset=(\d+)/.exec(rest);
    if (name === "released" && released) return [{ kind: "released", us, pin: Number(released[1]) }];
    return name === "tracing_mark_write" ? [{ kind: "mark", us, text: rest }] : [];
  }
}

function write(file: string, text: string): void {
  writeFileSync(`${TRACING}/${file}`, text);
}

export interface Edge {
  readonly us: number;
  readonly level: 0 | 1;
}

/**
 * How a pin's physical level went, beginning with `from`; an undriven pin has the level of its pull. Each entry differs
 * from the one before: a pulse of a microsecond is two of them.
 */
export function edgesOf(events: readonly TraceEvent[], pin: number, pull: 0 | 1, from: 0 | 1 = pull): readonly Edge[] {
  const edges: Edge[] = [];
  let level = from;
  for (const event of events) {
    if (event.kind === "mark" || event.pin !== pin || event.kind === "output") continue;
    const next = event.kind === "level" ? event.level : pull;
    if (next !== level) edges.push({ us: event.us, level: next });
    level = next;
  }
  return edges;
}

/** When the mark was written. */
export function markedAt(events: readonly TraceEvent[], text: string): number {
  const mark = events.find((event) => event.kind === "mark" && event.text.trim() === text);
  if (!mark) throw new Error(`no mark ${text} in the trace`);
  return mark.us;
}
