import { TrustClient, type TrustCode, type Verdict, clockAtBoot } from "@badgekey/shared";
import type { SiteStateStore } from "../ports.js";

export interface RestoreOptions {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly agent: string;
  readonly monotonicMs: number;
}

export interface RestoredSiteState {
  readonly trust: TrustClient;
  /** Names of what was damaged, for a gap record. */
  readonly damaged: readonly string[];
}

/**
 * Brings a trust client back to where the cache says it was; everything is verified again. Where an object was damaged,
 * a floor against rollback may be lost with it: what is held counts as stale until one online sync (SAFETY R20). The
 * same holds where no copy of the clock is left. Says no where the enrolled root is not the site's.
 */
export function restoreSiteState(
  loaded: Awaited<ReturnType<SiteStateStore["load"]>>,
  { site, agent, monotonicMs }: RestoreOptions,
): Verdict<RestoredSiteState, TrustCode> {
  const clock = clockAtBoot(loaded.floorAt, loaded.freshAt, monotonicMs);
  const started = TrustClient.start(loaded.firstRoot, { site, agent, clock, monotonicMs });
  if (!started.ok) return started;
  const trust = started.value;
  const refused = trust
    .restore(loaded.objects, monotonicMs)
    .map(({ outcome }, index) => ({ outcome, name: loaded.objects[index]?.name ?? "" }))
    .filter(({ outcome }) => outcome !== "accepted" && outcome !== "repeated")
    .map(({ name, outcome }) => `${name} ${outcome}`);
  const lostObjects = [...loaded.damaged.filter((name) => !isClockCopy(name)), ...refused];
  // The other copy of the clock is at most one saving older, and no list comes from it.
  if (lostObjects.length > 0) trust.setClock({ ...trust.clock, freshAt: 0 });
  return { ok: true, value: { trust, damaged: [...loaded.damaged.filter(isClockCopy), ...lostObjects] } };
}

const isClockCopy = (name: string): boolean => name === "clock-a" || name === "clock-b";
