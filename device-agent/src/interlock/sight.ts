import type { MachinePolicy } from "@badgekey/shared";
import type { InputName } from "./interlock-event.js";

/** What the machine tells of itself, whoever uses it. */
export interface Sight {
  /** How each contact stands and since when; absent: nobody knows. */
  readonly contacts: { readonly [I in InputName]?: { readonly active: boolean; readonly sinceMs: number } | undefined };
  /** Wired contacts that chatter or can no longer be read, until they tell again. */
  readonly lost: readonly InputName[];
  /** Since when the relay is commanded open; absent while it is closed. */
  readonly openSinceMs?: number | undefined;
  /** When the last use or bypass ended: machines coast. */
  readonly calmSinceMs?: number | undefined;
  /** Since when the bypass key is turned. */
  readonly bypassSinceMs?: number | undefined;
  /** Since when the machine runs without a use; set once that is told. */
  readonly straySinceMs?: number | undefined;
}

export const NOTHING_SEEN: Sight = { contacts: {}, lost: [] };

/** Unknown is never good, whatever good means there. */
export type Standing = "unwired" | "unknown" | "active" | "inactive";

/** A contact counts only if the policy's wiring has it. */
export function standingOf({ contacts }: Sight, { wiring }: MachinePolicy, input: InputName): Standing {
  if (!wiring.inputs[input]) return "unwired";
  const told = contacts[input];
  if (!told) return "unknown";
  return told.active ? "active" : "inactive";
}

/** True where opening the relay by the clock could stop a running machine (SAFETY R10): unknown counts as busy. */
export function mayBeBusy(sight: Sight, policy: MachinePolicy): boolean {
  const busy = standingOf(sight, policy, "busy");
  return busy === "active" || busy === "unknown";
}

/** Since when the machine is known not to be busy; undefined where it is, or nobody knows. */
export function restsSince(sight: Sight, policy: MachinePolicy): number | undefined {
  return standingOf(sight, policy, "busy") === "inactive" ? sight.contacts.busy?.sinceMs : undefined;
}

/** True where a closed relay must be preceded by the extraction's feedback and that is not there (SAFETY R11). */
export function lacksExtraction(sight: Sight, policy: MachinePolicy): boolean {
  return policy.runOn?.feedback === true && standingOf(sight, policy, "extraction") !== "active";
}

/**
 * True where what must be known before a grant is known, and good: no emergency stop (R13), no open housing, and while
 * the relay is open its feedback proves it (R4).
 */
export function allowsGrant(sight: Sight, policy: MachinePolicy): boolean {
  const isGood = (input: InputName): boolean => {
    const standing = standingOf(sight, policy, input);
    return standing === "inactive" || standing === "unwired";
  };
  const provenOpen = sight.openSinceMs === undefined || isGood("feedback");
  return provenOpen && isGood("emergencyStop") && isGood("tamper");
}

export function withContact(
  sight: Sight,
  input: InputName,
  { active, atMs }: { readonly active: boolean; readonly atMs: number },
): Sight {
  const lost = sight.lost.filter((one) => one !== input);
  if (sight.contacts[input]?.active === active) return lost.length === sight.lost.length ? sight : { ...sight, lost };
  return { ...sight, lost, contacts: { ...sight.contacts, [input]: { active, sinceMs: atMs } } };
}

export function withLost(sight: Sight, input: InputName): Sight {
  const contacts = { ...sight.contacts, [input]: undefined };
  return { ...sight, contacts, lost: sight.lost.includes(input) ? sight.lost : [...sight.lost, input] };
}

/** A contact that is wired again later must tell anew how it stands. */
export function withoutUnwired(sight: Sight, { wiring }: MachinePolicy): Sight {
  const isWired = (input: InputName): boolean => wiring.inputs[input] !== undefined;
  const known = Object.entries(sight.contacts).filter(([input]) => isWired(input as InputName));
  return { ...sight, contacts: Object.fromEntries(known), lost: sight.lost.filter(isWired) };
}
