import type { InterlockEvent } from "../interlock-event.js";
import { type InterlockState, STARTING, blocksOf, sessionOf } from "../interlock-state.js";
import { outputsFor } from "../outputs-for.js";
import { step } from "../step.js";
import { type Happening, happeningsAt } from "./happenings.js";
import { invariants } from "./invariants.js";
import { FRESH, type Monitor, follow, told } from "./monitor.js";
import { type GridPolicy, policyGrid } from "./policy-grid.js";
import { randomOf } from "./random.js";
import type { Interlock } from "./search-interlock.js";

export interface CyclesResult {
  readonly cycles: number;
  readonly restarts: number;
  /** How often the relay closed. */
  readonly closures: number;
  /** Of these, those that no fresh tap or press since the last restart explains: must be 0 (SAFETY R5, R6). */
  readonly withoutTap: number;
  readonly violations: readonly string[];
}

export interface SchedulesResult {
  readonly schedules: number;
  /** How often the relay of a busy machine opened because its policy asks for it. */
  readonly asked: number;
  /** How often it opened although its policy does not: must be 0 (SAFETY R10). */
  readonly notAsked: number;
  readonly violations: readonly string[];
}

const OWN: Interlock = { step, outputsFor };
const EVENTS_PER_CYCLE = 8;
const EVENTS_PER_SCHEDULE = 30;
/** From a bounce to longer than every deadline. */
const PAUSES = [1, 150, 900, 2_000, 5_000, 13_000, 25_000, 50_000, 110_000, 310_000] as const;

interface Run {
  state: InterlockState;
  monitor: Monitor;
  atMs: number;
}

/** Random uses of random machines, with power cuts at random moments. The same seed gives the same result. */
export function simulateCycles(
  { cycles, restarts, seed }: { readonly cycles: number; readonly restarts: number; readonly seed: number },
  interlock: Interlock = OWN,
): CyclesResult {
  const random = randomOf(seed);
  const machines = machinesOfGrid();
  const violations = new Set<string>();
  let [closures, withoutTap, cut] = [0, 0, 0];
  for (let cycle = 0; cycle < cycles; cycle++) {
    const machine = random.pick(machines);
    const run: Run = { state: STARTING, monitor: FRESH, atMs: 0 };
    let isExplained = false;
    const restartsHere = Math.floor(((cycle + 1) * restarts) / cycles) - cut;
    const cuts = new Set(Array.from({ length: restartsHere }, () => random.below(EVENTS_PER_CYCLE)));
    cut += restartsHere;
    begin(run, machine, interlock, violations);
    for (let index = 0; index < EVENTS_PER_CYCLE; index++) {
      if (cuts.has(index)) {
        // A power cut: whatever was, only the marks survive.
        const { lockout, faults } = blocksOf(run.state);
        [run.state, run.monitor, isExplained] = [STARTING, { ...FRESH, lockout: false, faults: [] }, false];
        apply(
          run,
          { kind: "started", atMs: run.atMs, faults, ...(lockout && { lockout }) },
          { machine, interlock, violations, marks: { lockout: lockout !== undefined, faults } },
        );
      }
      run.atMs += random.pick(PAUSES);
      const happening = random.pick(random.below(3) === 0 ? machine.people : machine.happenings);
      for (const [afterMs, bare] of happening.events) {
        run.atMs += afterMs;
        const event: InterlockEvent = { ...bare, atMs: run.atMs };
        const wasClosed = run.monitor.outputs.relay === "closed";
        if (
          event.kind === "tapAccepted" ||
          event.kind === "openTap" ||
          (event.kind === "inputChanged" && event.input === "startButton" && event.active)
        )
          isExplained = true;
        apply(run, event, { machine, interlock, violations });
        const isClosed = run.monitor.outputs.relay === "closed";
        if (!isClosed || wasClosed) continue;
        closures += 1;
        if (!isExplained) withoutTap += 1;
      }
    }
  }
  return { cycles, restarts: cut, closures, withoutTap, violations: [...violations] };
}

/**
 * Random schedules of what the calendar, the network and the office do while a machine is busy: badges withdrawn and
 * good again, policies changed, staff orders that wait, a reader lost, clocks that jump (which no event carries).
 */
export function simulateSchedules(
  { count, seed }: { readonly count: number; readonly seed: number },
  interlock: Interlock = OWN,
): SchedulesResult {
  const random = randomOf(seed);
  const machines = machinesOfGrid().filter(
    ({ policy }) => policy.wiring.inputs.busy && policy.wiring.output === "hold",
  );
  const violations = new Set<string>();
  let [asked, notAsked] = [0, 0];
  for (let schedule = 0; schedule < count; schedule++) {
    const machine = random.pick(machines);
    const run: Run = { state: STARTING, monitor: FRESH, atMs: 0 };
    begin(run, machine, interlock, violations);
    workAt(run, machine, { interlock, violations });
    for (let index = 0; index < EVENTS_PER_SCHEDULE; index++) {
      run.atMs += random.pick(PAUSES);
      const wasClosed = run.monitor.outputs.relay === "closed";
      const { monitor } = run;
      apply(run, { ...random.pick(calendar), atMs: run.atMs }, { machine, interlock, violations });
      if (!wasClosed || run.monitor.outputs.relay === "closed") continue;
      if (isAsked(monitor, machine, run.atMs)) asked += 1;
      else notAsked += 1;
      break;
    }
  }
  return { schedules: count, asked, notAsked, violations: [...violations] };
}

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
const lockout = { reason: "service", by: "staff-1", at: 0 };
const calendar: readonly Bare[] = [
  { kind: "tick" },
  { kind: "tick" },
  { kind: "tick" },
  { kind: "badgeStatusChanged", status: "withdrawn", code: "BADGE_REVOKED" },
  { kind: "badgeStatusChanged", status: "good" },
  { kind: "policyChanged" },
  { kind: "outOfServiceSet", when: "whenFree", lockout },
  { kind: "outOfServiceCleared", by: "staff-1" },
  { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" },
  { kind: "faultRaised", fault: "JOURNAL_UNAVAILABLE", severity: "whenIdle" },
  { kind: "faultCleared", fault: "READER_LOST" },
  { kind: "inputLost", input: "busy" },
  { kind: "inputChanged", input: "busy", active: true, session: new Uint8Array(8) },
  { kind: "tapRefused", key: "x" },
];

/** Whether the policy asks for a busy machine's relay to be opened now: its grace is over, or the hard cap is. */
function isAsked({ open }: Monitor, { policy }: Machine, atMs: number): boolean {
  if (!open) return false;
  const { maxSeconds, overrunSeconds } = policy.session;
  const isCapped = open.closedMs !== undefined && atMs >= open.closedMs + (maxSeconds + overrunSeconds) * 1000;
  if (isCapped && maxSeconds > 0) return true;
  if (policy.whenRevoked === "cutNow") return true;
  return (
    policy.whenRevoked !== "finishThenLock" &&
    open.withdrawnMs !== undefined &&
    atMs >= open.withdrawnMs + policy.graceSeconds * 1000
  );
}

interface Machine extends GridPolicy {
  readonly happenings: readonly Happening[];
  readonly people: readonly Happening[];
}

function machinesOfGrid(): readonly Machine[] {
  return policyGrid().map((entry) => {
    const happenings = happeningsAt(entry.policy);
    const people = happenings.filter(({ events }) => events.some(([, { kind }]) => kind === "tapAccepted"));
    return { ...entry, happenings, people };
  });
}

interface Applying {
  readonly machine: Machine;
  readonly interlock: Interlock;
  readonly violations: Set<string>;
  /** What a restart was told to have been in force: no record repeats it. */
  readonly marks?: Pick<Monitor, "lockout" | "faults">;
}

function apply(run: Run, event: InterlockEvent, { machine, interlock, violations, marks }: Applying): void {
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
function begin(run: Run, machine: Machine, interlock: Interlock, violations: Set<string>): void {
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
function workAt(run: Run, machine: Machine, applying: Omit<Applying, "machine">): void {
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
