import type { MachinePolicy } from "@badgekey/shared";
import { type Active, type Armed, type InterlockState, type Requested, blocksOf, sightOf } from "../interlock-state.js";
import { READER_LOST_MS } from "../interlock-times.js";
import { idleEndOf, warningMs } from "../session-end.js";

/** Between two happenings: longer than any bounce and any debounce, shorter than every deadline of the grid. */
export const PAUSE_MS = 1_000;

/** The deadlines of a state, each under its name; undefined where it is not set. */
function deadlinesOf(state: InterlockState, policy: MachinePolicy): readonly (number | undefined)[] {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return [];
    case "armed":
      return [state.untilMs];
    case "active":
      return ofActive(state, policy);
    case "pending":
      return [state.untilMs, ...ofActive(state.running, policy)];
  }
}

function ofActive(state: Active, policy: MachinePolicy): readonly (number | undefined)[] {
  const { contact, endsMs, withdrawn, supervision, removedMs, readerLostMs } = state;
  const { removalGraceMs, overrunSeconds } = policy.session;
  return [
    contact.kind === "pulse" ? contact.untilMs : undefined,
    plus(endsMs, -warningMs(policy)),
    endsMs,
    plus(endsMs, overrunSeconds * 1000),
    idleEndOf(state, policy),
    withdrawn?.endsMs,
    withdrawn?.freeFromMs,
    supervision?.endsMs,
    supervision?.over?.end.endsMs,
    plus(removedMs, removalGraceMs),
    plus(readerLostMs, removalGraceMs),
    plus(readerLostMs, removalGraceMs + READER_LOST_MS),
  ];
}

/** When something may happen: in a moment, and just when the next deadline is due but no tick has noticed it yet. */
export function momentsIn(state: InterlockState, atMs: number, policy: MachinePolicy): readonly number[] {
  const soon = atMs + PAUSE_MS;
  const ahead = deadlinesOf(state, policy).filter((moment) => moment !== undefined && moment > soon) as number[];
  return ahead.length === 0 ? [soon] : [soon, Math.min(...ahead)];
}

/** A press leaves its button as it was. */
const BUTTONS: readonly string[] = ["startButton", "endButton"];

/** Situations in which the same deadlines are unset, pending or due, and all else is equal, are one. */
export function keyOf(state: InterlockState, atMs: number, policy: MachinePolicy): string {
  // A handover is pending for seconds: which of the longer deadlines of the use under it are over makes no difference
  // to it.
  const deadlines = (state.kind === "pending" ? [state.untilMs] : deadlinesOf(state, policy))
    .map((moment) => (moment === undefined ? "-" : moment > atMs ? "p" : "d"))
    .join("");
  const { lockout, faults } = blocksOf(state);
  const seen = Object.entries(sightOf(state).contacts)
    .filter(([input]) => !BUTTONS.includes(input))
    .map(([input, told]) => `${input}${told ? (told.active ? "+" : "-") : "?"}`)
    .sort()
    .join();
  return [state.kind, deadlines, lockout ? "L" : "", [...faults].sort().join(), seen, useOf(state)].join("|");
}

function useOf(state: InterlockState): string {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return "";
    case "armed":
      return state.waitsFor === "coTap" ? ofRequested(state) : ofArmed(state);
    case "active":
      return ofRunning(state);
    case "pending":
      return `${state.waitsFor} ${state.candidate.holder.key} ${ofRunning(state.running)}`;
  }
}

function ofRequested({ candidate, cardPresent }: Requested): string {
  return `coTap ${candidate.holder.key} ${cardPresent}`;
}

function ofArmed({ session, waitsFor, supervision }: Armed): string {
  return `${waitsFor} ${session.holder?.key} ${supervision?.key}`;
}

function ofRunning({ session, contact, supervision, withdrawn }: Active): string {
  const over = supervision && (supervision.over ? "over" : "on");
  return `${session.holder?.key} ${contact.kind} ${supervision?.key} ${over} ${withdrawn?.stop}`;
}

function plus(moment: number | undefined, ms: number): number | undefined {
  return moment === undefined ? undefined : moment + ms;
}
