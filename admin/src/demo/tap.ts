import { setTimeout as delay } from "node:timers/promises";
import type { VirtualCard } from "@badgekey/shared/testing";
import type { Bench, Decision, ScreenText } from "./bench.js";
import type { DemoSite } from "./site.js";

/** What one tap did, as the bench saw it. */
export interface TapOutcome {
  readonly decision: Decision;
  /** From the card in the field to the contact closed, ms; undefined when it stayed open. */
  readonly closedAfterMs: number | undefined;
  readonly screen: ScreenText | undefined;
}

const TAP_MS = 5000;
/** A second tap within 800 ms is taken for the reader bouncing: a person lifts the card and comes back. */
const BETWEEN_TAPS_MS = 900;

/** Taps a card and expects the machine to be enabled. Rejects with what the screen says instead. */
export async function tapToStart(site: DemoSite, machineId: string, card: VirtualCard): Promise<TapOutcome> {
  const { bench } = site.machine(machineId);
  const { closings } = bench.state;
  const outcome = await tap(site, machineId, card, (before) => {
    const { relay, decision } = bench.state;
    if (relay === "closed" && bench.state.closings > closings) return true;
    if (decision && decision.count > before && decision.code !== "ACCEPTED") {
      throw new Error(`refused with ${decision.code}: ${said(bench.state.screen)}`);
    }
    return undefined;
  });
  return outcome;
}

/** Taps a card and expects a refusal with `code`, the relay staying open. */
export async function tapRefused(
  site: DemoSite,
  machineId: string,
  card: VirtualCard,
  code: string,
): Promise<TapOutcome> {
  const { bench } = site.machine(machineId);
  const { closings } = bench.state;
  const outcome = await tap(site, machineId, card, (before) => {
    const { decision, screen } = bench.state;
    if (bench.state.closings > closings) throw new Error("the relay closed");
    if (!decision || decision.count <= before) return undefined;
    if (decision.code !== code) throw new Error(`refused with ${decision.code} instead of ${code}`);
    // The reason on the screen belongs to the refusal: without it nobody knows what to do.
    return screen?.tone === "refused" || screen?.tone === "attention" ? true : undefined;
  });
  return { ...outcome, closedAfterMs: undefined };
}

/** Taps the card of the person who uses the machine: the use ends and the relay opens. */
export async function tapToEnd(
  site: DemoSite,
  machineId: string,
  card: VirtualCard,
): Promise<{ openedAfterMs: number }> {
  const { bench } = site.machine(machineId);
  const startedMs = await layOn(bench, card);
  try {
    await site.changes.until(`the end of the use of ${machineId}`, TAP_MS, () => {
      const { relay, screen } = bench.state;
      return relay === "open" && screen?.tone !== "enabled" ? true : undefined;
    });
    return { openedAfterMs: performance.now() - startedMs };
  } finally {
    liftFrom(bench);
  }
}

async function tap(
  site: DemoSite,
  machineId: string,
  card: VirtualCard,
  happened: (decisionsBefore: number) => true | undefined,
): Promise<TapOutcome> {
  const { bench } = site.machine(machineId);
  const before = bench.state.decision?.count ?? 0;
  const startedMs = await layOn(bench, card);
  try {
    await site.changes.until(`the answer of ${machineId} to a tap`, TAP_MS, () => happened(before));
    const elapsedMs = performance.now() - startedMs;
    const decision = await site.changes.until(`the decision of ${machineId}`, TAP_MS, () => {
      const now = bench.state.decision;
      return now && now.count > before ? now : undefined;
    });
    return { decision, closedAfterMs: elapsedMs, screen: bench.state.screen };
  } finally {
    liftFrom(bench);
  }
}

/** When a card was last lifted from each bench, ms of performance.now(). */
const lastTaps = new WeakMap<Bench, number>();

/** Lays the card on, not sooner than a person would; resolves with the instant (performance.now). */
async function layOn(bench: Bench, card: VirtualCard): Promise<number> {
  const waitMs = (lastTaps.get(bench) ?? 0) + BETWEEN_TAPS_MS - performance.now();
  if (waitMs > 0) await delay(waitMs);
  const atMs = performance.now();
  bench.insert(card);
  return atMs;
}

function liftFrom(bench: Bench): void {
  bench.remove();
  lastTaps.set(bench, performance.now());
}

export function said(screen: ScreenText | undefined): string {
  if (!screen) return "the screen is dark";
  return [screen.headline, screen.detail, screen.next].filter((part) => part !== "").join(" · ");
}
