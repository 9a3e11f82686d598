import type { FaultCode, MachinePolicy, TapCode } from "@badgekey/shared";
import type { InputName } from "./interlock-event.js";
import { type Candidate, type InterlockState } from "./interlock-state.js";
import { type Sight, standingOf } from "./sight.js";

/** Why nobody, or only some, can do anything with a card at the machine now. */
export interface Block {
  readonly code: Extract<TapCode, "MACHINE_OUT_OF_SERVICE" | "MACHINE_FAULTED">;
  /** Whose accepted tap reaches the interlock all the same: it may reset or release there. */
  readonly admits: "nobody" | "stewards" | "everyone";
}

/** The contact that shows whether a latched fault's cause is gone. */
const causes: Readonly<Partial<Record<FaultCode, InputName>>> = {
  EMERGENCY_STOP: "emergencyStop",
  TAMPER: "tamper",
  RELAY_STUCK: "feedback",
};

/** What the verdict of a tap has to take into account; undefined where nothing blocks. */
export function blockOf(state: InterlockState, policy: MachinePolicy): Block | undefined {
  switch (state.kind) {
    case "starting":
      return { code: "MACHINE_FAULTED", admits: "nobody" };
    case "lockedOut": {
      const { mayRelease, lockAgain } = policy.steward;
      return { code: "MACHINE_OUT_OF_SERVICE", admits: mayRelease || lockAgain ? "stewards" : "nobody" };
    }
    case "faulted": {
      const resets = (isSteward: boolean): boolean =>
        state.faults.some((fault) => isResettable(fault, { isSteward }, state.sight, policy));
      const triesAgain = !state.lockout && state.faults.every((fault) => fault === "EXTRACTION_MISSING");
      const admits = resets(false) || triesAgain ? "everyone" : resets(true) ? "stewards" : "nobody";
      return { code: "MACHINE_FAULTED", admits };
    }
    case "idle":
    case "armed":
    case "active":
    case "pending":
      return undefined;
  }
}

/**
 * True where a tap resets this fault: the emergency stop's anyone's, the latched ones' a steward's, once the cause is
 * gone.
 */
export function isResettable(
  fault: FaultCode,
  { isSteward }: Pick<Candidate, "isSteward">,
  sight: Sight,
  policy: MachinePolicy,
): boolean {
  const cause = causes[fault];
  const standing = cause && standingOf(sight, policy, cause);
  const isGone = standing === undefined || standing === "inactive" || standing === "unwired";
  switch (fault) {
    case "EMERGENCY_STOP":
      return isGone;
    case "RELAY_STUCK":
    case "TAMPER":
    case "STORE_UNREADABLE":
      return isGone && isSteward && policy.steward.mayRelease;
    case "JOURNAL_UNAVAILABLE":
    case "RELAY_UNRESPONSIVE":
    case "READER_LOST":
    case "EXTRACTION_MISSING":
    case "INPUT_FAILED":
    case "STORAGE_FULL":
      return false;
  }
}
