import type { Sample } from "./line.js";

/** A contact is believed once it has stood still for so long; after it was lost, for longer. */
const STABLE_MS = 30;
const STABLE_AFTER_LOSS_MS = 200;
/**
 * A contact that moves for so long without a rest chatters: nobody knows how it stands. No finger presses that fast.
 */
const CHATTER_MS = 1000;
const REST_MS = 80;
/** So many edges within one look are no two movements with a rest between them. */
const RESTLESS_EDGES = 3;

/** What is known of one contact. `atMs` of all instants is monotonic. */
export interface Debounced {
  /** What was reported last; "nothing" until the first report. */
  readonly told: "nothing" | "active" | "inactive" | "lost";
  /** As sampled last; undefined while it cannot be read. */
  readonly active: boolean | undefined;
  /** The last movement. */
  readonly movedAtMs: number;
  /** Since when it has moved without a rest; undefined while it rests. */
  readonly restlessSinceMs: number | undefined;
}

export type Look = Sample | { readonly failure: string };

export type DebounceReport =
  { readonly kind: "changed"; readonly active: boolean } | { readonly kind: "lost"; readonly reason: string };

export const UNSEEN: Debounced = { told: "nothing", active: undefined, movedAtMs: 0, restlessSinceMs: undefined };

/**
 * Takes one look at a contact. Reports it when it has stood still, once when it chatters or cannot be read, and anew
 * when it has stood still for long after that. Pure; how often it is looked at decides only how late it is.
 */
export function debounce(
  before: Debounced,
  look: Look,
  atMs: number,
): { readonly next: Debounced; readonly report?: DebounceReport } {
  if ("failure" in look) {
    const next = { told: "lost", active: undefined, movedAtMs: atMs, restlessSinceMs: undefined } as const;
    return before.told === "lost" ? { next } : { next, report: { kind: "lost", reason: look.failure } };
  }
  const hasMoved = look.edges > 0 || look.active !== before.active;
  const movedAtMs = hasMoved ? atMs : before.movedAtMs;
  const isStill = atMs - movedAtMs >= (before.told === "lost" ? STABLE_AFTER_LOSS_MS : STABLE_MS);
  const hasRested = atMs - before.movedAtMs >= REST_MS && look.edges < RESTLESS_EDGES;
  const since = hasRested ? undefined : before.restlessSinceMs;
  const restlessSinceMs = hasMoved ? (since ?? atMs) : since;
  const seen = { active: look.active, movedAtMs, restlessSinceMs };
  const stands = look.active ? "active" : "inactive";
  if (isStill && before.told !== stands) {
    return { next: { ...seen, told: stands }, report: { kind: "changed", active: look.active } };
  }
  const chatters = hasMoved && atMs - (restlessSinceMs ?? atMs) > CHATTER_MS;
  if (chatters && before.told !== "lost") {
    return { next: { ...seen, told: "lost" }, report: { kind: "lost", reason: "it chatters without end" } };
  }
  return { next: { ...seen, told: before.told } };
}
