import type { MachinePolicy } from "@badgekey/shared";
import { type InterlockState, blocksOf, sightOf, withSight } from "../interlock-state.js";
import { stay, withBlocks } from "../leave.js";
import { outputsFor } from "../outputs-for.js";
import { withContact } from "../sight.js";
import { step } from "../step.js";
import type { InputName } from "../interlock-event.js";
import type { Interlock } from "./search-interlock.js";

/** A bug in one dangerous transition: the interlock as it would be with it. */
export interface SeededBug {
  readonly title: string;
  readonly interlock: Interlock;
  /** The machines at which it shows. */
  readonly isAt: (policy: MachinePolicy) => boolean;
}

type Step = Interlock["step"];

function bugIn(title: string, buggy: Step, isAt: SeededBug["isAt"] = () => true): SeededBug {
  return { title, interlock: { step: buggy, outputsFor }, isAt };
}

const isWired =
  (input: InputName): SeededBug["isAt"] =>
  ({ wiring }) =>
    wiring.inputs[input] !== undefined;

/** As if a contact had told something else. */
function pretending(state: InterlockState, input: "busy" | "feedback" | "extraction", active: boolean): InterlockState {
  const sight = sightOf(state);
  return withSight(state, withContact(sight, input, { active, atMs: sight.contacts[input]?.sinceMs ?? 0 }));
}

/** The state that comes of a lie about a contact, with what the contact really tells. */
function lied(
  before: InterlockState,
  event: Parameters<Step>[1],
  policy: MachinePolicy,
  lie: (state: InterlockState) => InterlockState,
): ReturnType<Step> {
  const { state, records } = step(lie(before), event, policy);
  return { state: withSight(state, { ...sightOf(state), contacts: sightOf(before).contacts }), records };
}

/** One bug in each of the ten most dangerous transitions: the search must find every one of them. */
export const seededBugs: readonly SeededBug[] = [
  bugIn("R5: a stop leaves the session running", (state, event, policy) =>
    event.kind === "stopped" ? stay(state) : step(state, event, policy),
  ),
  bugIn(
    "R13: the pressed emergency stop does not end the use",
    (state, event, policy) =>
      event.kind === "inputChanged" && event.input === "emergencyStop" && event.active
        ? stay(state)
        : step(state, event, policy),
    isWired("emergencyStop"),
  ),
  bugIn(
    "R13: releasing the emergency stop resets it",
    (state, event, policy) => {
      const next = step(state, event, policy);
      const isReleased = event.kind === "inputChanged" && event.input === "emergencyStop" && !event.active;
      const { faults, ...blocks } = blocksOf(next.state);
      if (!isReleased || !faults.includes("EMERGENCY_STOP")) return next;
      return {
        state: withBlocks(next.state, { ...blocks, faults: faults.filter((fault) => fault !== "EMERGENCY_STOP") }),
        records: [...next.records, { kind: "faultCleared", code: "EMERGENCY_STOP" }],
      };
    },
    isWired("emergencyStop"),
  ),
  bugIn(
    "R4: a grant without proof that the relay is open",
    (state, event, policy) =>
      event.kind === "tapAccepted"
        ? lied(state, event, policy, (before) => pretending(before, "feedback", false))
        : step(state, event, policy),
    isWired("feedback"),
  ),
  bugIn(
    "R7: the start button need not be pressed",
    (state, event, policy) =>
      step(state, event, event.kind === "tapAccepted" ? { ...policy, startButton: false } : policy),
    ({ startButton }) => startButton,
  ),
  bugIn("R10: a withdrawn badge opens at once, whatever the policy says", (state, event, policy) =>
    step(state, event, event.kind === "badgeStatusChanged" ? { ...policy, whenRevoked: "cutNow" } : policy),
  ),
  bugIn(
    "R10: the maximum cuts a busy machine",
    (state, event, policy) =>
      event.kind === "tick"
        ? lied(state, event, policy, (before) => pretending(before, "busy", false))
        : step(state, event, policy),
    isWired("busy"),
  ),
  bugIn(
    "R11: the relay closes without the extraction",
    (state, event, policy) =>
      event.kind === "tapAccepted" || (event.kind === "inputChanged" && event.input === "startButton")
        ? step(state, event, { ...policy, runOn: policy.runOn && { ...policy.runOn, feedback: false } })
        : step(state, event, policy),
    isWired("extraction"),
  ),
  bugIn("R12: out of service now waits for the machine to be free", (state, event, policy) =>
    step(state, event.kind === "outOfServiceSet" ? { ...event, when: "whenFree" } : event, policy),
  ),
  bugIn(
    "a trainee starts without a trainer",
    (state, event, policy) =>
      step(
        state,
        event.kind === "tapAccepted" ? { ...event, candidate: { ...event.candidate, needsSupervision: false } } : event,
        policy,
      ),
    ({ supervision }) => supervision.mode !== "none",
  ),
];
