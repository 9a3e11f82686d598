import type { MachinePolicy } from "@badgekey/shared";
import type { InterlockRecord, Step } from "./interlock-event.js";
import type { Active, Candidate, Supervision } from "./interlock-state.js";
import { finishFrom, isRenewable } from "./session-end.js";

/** A trainer's co-tap: he answers for the trainee from now on. */
export function superviseBy(
  { holder }: Candidate,
  { trainee, atMs }: { readonly trainee: string; readonly atMs: number },
  { supervision }: MachinePolicy,
): Supervision {
  const { maxSeconds } = supervision;
  return {
    key: holder.key,
    by: holder.holder,
    endsMs: maxSeconds === 0 ? undefined : atMs + maxSeconds * 1000,
    trainees: [trainee],
  };
}

/** The running supervision with one more trainee; undefined where there is none, or it is for fewer. */
export function coverMore(
  { supervision: running }: Active,
  trainee: string,
  { supervision }: MachinePolicy,
): Supervision | undefined {
  if (!running || running.over) return undefined;
  const trainees = running.trainees.includes(trainee) ? running.trainees : [...running.trainees, trainee];
  return trainees.length <= supervision.maxTrainees ? { ...running, trainees } : undefined;
}

export function supervisionRecord(
  kind: "supervisionStarted" | "supervisionEnded",
  session: Uint8Array,
  { by, reason }: { readonly by?: string | undefined; readonly reason?: string },
): InterlockRecord {
  return { kind, session, ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) };
}

/**
 * A trainer's tap at a supervised use; undefined where it is no matter of supervision. Near its end, or after it, any
 * trainer's tap renews it; before, the supervisor's own ends it: he leaves.
 */
export function tapBySupervisor(
  state: Active,
  { candidate, atMs }: { readonly candidate: Candidate; readonly atMs: number },
  policy: MachinePolicy,
): Step | undefined {
  const { supervision, session } = state;
  if (!supervision || !candidate.maySupervise || !session.holder) return undefined;
  const { key } = candidate.holder;
  if (!isRenewable(supervision, atMs, policy)) {
    return supervision.key === key ? endSupervision(state, { atMs, reason: "tap" }, policy) : undefined;
  }
  const next = superviseBy(candidate, { trainee: session.holder.key, atMs }, policy);
  const replaced = supervision.key !== key && !supervision.over;
  return {
    state: { ...state, supervision: next, lastTap: { key, atMs } },
    records: [
      ...(replaced
        ? [supervisionRecord("supervisionEnded", session.id, { by: supervision.by, reason: "handover" })]
        : []),
      supervisionRecord("supervisionStarted", session.id, { by: next.by, reason: "renewed" }),
    ],
  };
}

/** The trainer left, or his time is over: warns, and never cuts a busy machine. */
export function endSupervision(
  state: Active,
  { atMs, reason }: { readonly atMs: number; readonly reason: "tap" | "time" },
  policy: MachinePolicy,
): Step {
  const { supervision, session } = state;
  if (!supervision || supervision.over) return { state, records: [] };
  const end = policy.supervision.whenTrainerLeaves === "warn" ? {} : finishFrom(atMs, policy);
  const lastTap = reason === "tap" ? { key: supervision.key, atMs } : state.lastTap;
  return {
    state: { ...state, lastTap, supervision: { ...supervision, over: { sinceMs: atMs, end } } },
    records: [supervisionRecord("supervisionEnded", session.id, { by: supervision.by, reason })],
  };
}
