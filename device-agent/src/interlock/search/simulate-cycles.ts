import type { InterlockEvent } from "../interlock-event.js";
import { STARTING, blocksOf } from "../interlock-state.js";
import { FRESH } from "./monitor.js";
import { randomOf } from "./random.js";
import type { Interlock } from "./search-interlock.js";
import { OWN, type Run, apply, begin, machinesOfGrid, newRun } from "./simulated-machine.js";

export interface CyclesResult {
  readonly cycles: number;
  readonly restarts: number;
  /** How often the relay closed. */
  readonly closures: number;
  /** Of these, those that no fresh tap or press since the last restart explains: must be 0 (SAFETY R5, R6). */
  readonly withoutTap: number;
  readonly violations: readonly string[];
}

const EVENTS_PER_CYCLE = 8;
/** From a bounce to longer than every deadline. */
const PAUSES = [1, 150, 900, 2_000, 5_000, 13_000, 25_000, 50_000, 110_000, 310_000] as const;

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
    const run: Run = newRun();
    let isExplained = false;
    const restartsHere = Math.floor(((cycle + 1) * restarts) / cycles) - cut;
    const cuts = new Set(Array.from({ length: restartsHere }, () => random.below(EVENTS_PER_CYCLE)));
    cut += restartsHere;
    begin(run, machine, { interlock, violations });
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
