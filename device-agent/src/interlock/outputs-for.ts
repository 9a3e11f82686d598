import type { MachinePolicy } from "@badgekey/shared";
import type { Active, InterlockState } from "./interlock-state.js";

export interface Outputs {
  /** The start permission. */
  readonly relay: "open" | "closed";
  /** Extraction, coolant and the like are wanted; never cut by a withdrawn badge (SAFETY R11). */
  readonly runOn: boolean;
  /** The machine is asked to come to a controlled stop. */
  readonly stop: boolean;
}

const OFF: Outputs = { relay: "open", runOn: false, stop: false };

/** The outputs follow state and policy and nothing else. */
export function outputsFor(state: InterlockState, policy: MachinePolicy): Outputs {
  switch (state.kind) {
    case "starting":
    case "idle":
    case "lockedOut":
    case "faulted":
      return OFF;
    case "armed":
      // An extraction that must prove itself before the machine may start has to run before it.
      return state.waitsFor === "coTap" ? OFF : { ...OFF, runOn: policy.runOn?.feedback === true };
    case "active":
      return whileActive(state, policy);
    case "pending":
      return whileActive(state.running, policy);
  }
}

function whileActive({ contact, withdrawn }: Active, policy: MachinePolicy): Outputs {
  return {
    relay: contact.kind === "released" ? "open" : "closed",
    runOn: policy.runOn !== undefined,
    stop: withdrawn?.stop ?? false,
  };
}
