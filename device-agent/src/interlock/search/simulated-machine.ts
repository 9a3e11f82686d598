import type { InterlockEvent } from "../interlock-event.js";
import { type InterlockState, STARTING, blocksOf, sessionOf } from "../interlock-state.js";
import { outputsFor } from "../outputs-for.js";
import { step } from "../step.js";
import { type Happening, happeningsAt } from "./happenings.js";
import { invariants } from "./invariants.js";
import { FRESH, type Monitor, follow, told } from "./monitor.js";
import { type GridPolicy, policyGrid } from "./policy-grid.js";
import type { Interlock } from "./search-interlock.js";

/** The project's own. */
export const OWN: Interlock = { step, outputsFor };

/** One machine's life, watched. */
export interface Run {
  state: InterlockState;
  monitor: Monitor;
  atMs: number;
}

export function newRun(): Run {
  return { state: STARTING, monitor: FRESH, atMs: 0 };
}

/** A machine of the grid with everything that can happen at it. */
export interface SimulatedMachine extends GridPolicy {
  readonly happenings: readonly Happening[];
  readonly people: readonly Happening[];
}

export function machinesOfGrid(): readonly SimulatedMachine[] {
  return policyGrid().map((entry) => {
    const happenings = happeningsAt(entry.policy);
    const people = happenings.filter(({ events }) => events.some(([, { kind }]) => kind === "tapAccepted"));
    return { ...entry, happenings, people };
  });
}

export interface Applying {
  readonly machine: SimulatedMachine;
  readonly interlock: Interlock;
  readonly violations: Set<string>;
  /** What a restart was told to have been in force: no record repeats it. */
  readonly marks?: Pick<Monitor, "lockout" | "faults">;
}

export function apply(run: Run, event: InterlockEvent, { machine, interlock, violations, marks }: Applying): void {
  const { policy, title } = machine;
  const { state, records } = interlock.step(run.state, event, policy);
  const seen = { event, records, outputs: interlock.outputsFor(state, policy), blocks: blocksOf(state) };
  const after = follow({ ...run.monitor, ...marks }, seen);
  for (const [sentence, holds] of invariants) {
    if (!holds({ before: run.monitor, after, seen, policy })) violations.add(`${sentence} (${title})`);
  }
  [run.state, run.monitor] = [state, after];
}

/** Started, and every contact has told that nothing is the matter. */
export function begin(run: Run, machine: SimulatedMachine, { interlock, violations }: Omit<Applying, "machine">): void {
  apply(run, { kind: "started", atMs: run.atMs, faults: [] }, { machine, interlock, violations });
  for (const input of Object.keys(machine.policy.wiring.inputs) as (keyof typeof machine.policy.wiring.inputs)[]) {
    const event: InterlockEvent = {
      kind: "inputChanged",
      atMs: run.atMs,
      input,
      active: input === "extraction",
      session: new Uint8Array(8),
    };
    apply(run, event, { machine, interlock, violations });
  }
}

/** Someone who may work alone is signed on, and the machine runs. */
export function workAt(run: Run, machine: SimulatedMachine, applying: Omit<Applying, "machine">): void {
  const all: Applying = { machine, ...applying };
  const tap = machine.people
    .flatMap(({ events }) => events)
    .find(([, event]) => event.kind === "tapAccepted" && !event.candidate.needsSupervision);
  if (!tap) throw new Error(`nobody may work alone: ${machine.title}`);
  run.atMs += 1_000;
  apply(run, { ...tap[1], atMs: run.atMs }, all);
  for (const [input, active] of [
    ["startButton", true],
    ["startButton", false],
    ["busy", true],
  ] as const) {
    if (sessionOf(run.state) && told(run.monitor, machine.policy, input) !== "unwired") {
      apply(run, { kind: "inputChanged", atMs: run.atMs, input, active, session: new Uint8Array(8) }, all);
    }
  }
}
