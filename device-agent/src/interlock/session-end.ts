import type { MachinePolicy } from "@badgekey/shared";
import type { EndReason } from "./interlock-event.js";
import type { Active, Supervision, UseEnd, WarningReason } from "./interlock-state.js";
import { FINISH_MS, READER_LOST_MS } from "./interlock-times.js";
import { lacksExtraction, mayBeBusy, restsSince } from "./sight.js";

/**
 * Something that a running use's holder must hear of; `endsMs` where a moment goes with it (of the trainer's presence,
 * for supervision).
 */
export interface Warning {
  readonly reason: WarningReason;
  readonly endsMs?: number;
}

/** When a running session ends if nobody does anything; undefined where nothing but its own work ends it. */
export function endOf({ endsMs, withdrawn, supervision }: Active): number | undefined {
  const ends = [endsMs, withdrawn?.endsMs, supervision?.over?.end.endsMs].filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/**
 * When a machine at rest ends the use, if it stays at rest; undefined while it may be busy or the policy asks for no
 * such end.
 */
export function idleEndOf({ sight, activeMs }: Active, policy: MachinePolicy): number | undefined {
  const { idleSeconds } = policy.session;
  const sinceMs = restsSince(sight, policy);
  return sinceMs === undefined || idleSeconds === 0 ? undefined : Math.max(sinceMs, activeMs) + idleSeconds * 1000;
}

/** How long before its end a session is announced to end; half its length at most, or a tap could never finish it. */
export function warningMs({ session }: MachinePolicy): number {
  const { maxSeconds, warnSeconds } = session;
  return Math.min(warnSeconds, Math.floor(maxSeconds / 2)) * 1000;
}

/**
 * True where the holder's tap extends instead of finishing: shortly before the end, and only if nothing waits for it.
 */
export function isExtendable(state: Active, atMs: number, policy: MachinePolicy): boolean {
  const { endsMs, withdrawn, waiting, supervision } = state;
  if (!policy.session.extend || policy.session.maxSeconds === 0 || endsMs === undefined) return false;
  // SAFETY R10: re-arm is refused at once to whom the ground is gone, and to an overrun.
  if (withdrawn || supervision?.over || waiting.lockout || waiting.faults.length > 0) return false;
  return atMs >= endsMs - warningMs(policy) && atMs < endsMs;
}

/** True where a trainer's tap renews the supervision instead of ending it. */
export function isRenewable({ endsMs, over }: Supervision, atMs: number, policy: MachinePolicy): boolean {
  return over !== undefined || (endsMs !== undefined && atMs >= endsMs - supervisionWarningMs(policy));
}

/** Why a running use is announced to end, the most pressing first; empty where all is well. */
export function warningsOf(state: Active, atMs: number, policy: MachinePolicy): readonly Warning[] {
  const { withdrawn, supervision, endsMs, sight } = state;
  const warnings: Warning[] = [];
  if (lacksExtraction(sight, policy)) warnings.push({ reason: "extraction" });
  if (withdrawn) warnings.push(warning("withdrawn", withdrawn.endsMs));
  if (endsMs !== undefined && atMs >= endsMs - warningMs(policy)) {
    warnings.push(
      atMs < endsMs ? warning("time", endsMs) : warning("overrun", endsMs + policy.session.overrunSeconds * 1000),
    );
  }
  if (supervision && isRenewable(supervision, atMs, policy)) {
    warnings.push(warning("supervision", supervision.over ? supervision.over.end.endsMs : supervision.endsMs));
  }
  const idleMs = idleEndOf(state, policy);
  if (idleMs !== undefined && atMs >= idleMs - idleWarningMs(policy)) warnings.push(warning("idle", idleMs));
  return warnings;
}

/**
 * Why the session is over by now; undefined where it is not. The clock never ends the use of a busy machine (SAFETY
 * R10).
 */
export function dueEnd(state: Active, atMs: number, policy: MachinePolicy): EndReason | undefined {
  const { endsMs, withdrawn, supervision, removedMs, readerLostMs, sight } = state;
  const { overrunSeconds, removalGraceMs } = policy.session;
  const isBusy = mayBeBusy(sight, policy);
  const isOver = (end: UseEnd | undefined): boolean =>
    isPast(end?.endsMs, atMs) || (isPast(end?.freeFromMs, atMs) && !isBusy);
  if (isPast(endsMs, atMs) && (!isBusy || isPast(endsMs, atMs - overrunSeconds * 1000))) return "time";
  if (isOver(withdrawn)) return "withdrawn";
  if (isOver(supervision?.over?.end)) return "supervision";
  if (isPast(idleEndOf(state, policy), atMs)) return "idle";
  if (isPast(removedMs, atMs - removalGraceMs)) return "removal";
  // SAFETY R14: a machine known to be at rest need not wait for its reader.
  const patienceMs = restsSince(sight, policy) === undefined ? READER_LOST_MS : 0;
  return isPast(readerLostMs, atMs - removalGraceMs - patienceMs) ? "readerLost" : undefined;
}

/**
 * What a machine leaves to a use that must come to its end: its work where it can tell of it, else ten minutes (SAFETY
 * R10).
 */
export function finishFrom(atMs: number, { wiring }: MachinePolicy): UseEnd {
  return wiring.inputs.busy ? { freeFromMs: atMs } : { endsMs: atMs + FINISH_MS };
}

function warning(reason: WarningReason, endsMs: number | undefined): Warning {
  return endsMs === undefined ? { reason } : { reason, endsMs };
}

function isPast(moment: number | undefined, atMs: number): boolean {
  return moment !== undefined && atMs >= moment;
}

function idleWarningMs({ session }: MachinePolicy): number {
  return Math.min(session.warnSeconds * 1000, session.idleSeconds * 500);
}

function supervisionWarningMs({ session, supervision }: MachinePolicy): number {
  return Math.min(session.warnSeconds * 1000, supervision.maxSeconds * 500);
}
