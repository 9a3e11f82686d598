import type { Signal } from "../ports.js";
import type { LampName } from "./line.js";

/**
 * What is lit, and for how long: no frame is shorter than 250 ms, so that the holder hears four messages a second at
 * most.
 */
export interface Frame {
  readonly lit: readonly LampName[];
  readonly ms: number;
}

/** The first frames once, then the others again and again; a single frame for ever stands still. */
export interface LampPattern {
  readonly once: readonly Frame[];
  readonly always: readonly Frame[];
}

const BEAT_MS = 250;

/** `-` lit, `_` dark, a quarter of a second each. */
const rhythm = (lit: readonly LampName[], beats: string): readonly Frame[] =>
  [...beats.matchAll(/-+|_+/g)].map(([run]) => ({ lit: run.startsWith("-") ? lit : [], ms: run.length * BEAT_MS }));

const sounding = (frames: readonly Frame[]): readonly Frame[] =>
  frames.map(({ lit, ms }) => ({ lit: lit.length > 0 ? [...lit, "buzzer" as const] : lit, ms }));

/** Each signal has a rhythm of its own, so that nobody needs to tell the colours apart; the buzzer sounds once. */
export const LAMP_PATTERNS: Readonly<Record<Signal, LampPattern>> = {
  /** A short flash now and then: alive, and waiting. */
  ready: { once: [], always: rhythm(["green"], "-___________") },
  reading: { once: [], always: rhythm(["yellow"], "-_") },
  /** Two flashes: something is expected of whoever stands there. */
  busy: { once: [], always: rhythm(["yellow"], "-_-_____") },
  /** The only one that stands still. */
  enabled: { once: sounding(rhythm(["green"], "-")), always: [{ lit: ["green"], ms: Number.POSITIVE_INFINITY }] },
  warning: { once: sounding(rhythm(["green", "yellow"], "--__--__")), always: rhythm(["green", "yellow"], "--__") },
  /** Three flashes. */
  refused: { once: sounding(rhythm(["red"], "-_-_-_____")), always: rhythm(["red"], "-_-_-_____") },
  /** Lit, with a short gap. */
  outOfService: { once: [], always: rhythm(["red"], "-----------_") },
  attention: { once: [], always: rhythm(["red", "yellow"], "------______") },
};
