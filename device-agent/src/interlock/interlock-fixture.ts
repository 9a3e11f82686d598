import { type MachinePolicy, type MachinePolicyInput, machinePolicySchema } from "@badgekey/shared";
import type { InterlockEvent, InterlockRecord } from "./interlock-event.js";
import { type Candidate, type InterlockState, STARTING } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

/** Small values for tests of the interlock. */

export function policyOf(input: Partial<MachinePolicyInput> = {}): MachinePolicy {
  return machinePolicySchema.parse({ name: "Test machine", ...input });
}

/** A candidate named by one letter; `session` distinguishes its taps. */
export function candidateOf(key: string, session = 0): Candidate {
  const id = new Uint8Array(8);
  id[0] = key.charCodeAt(0);
  id[7] = session;
  return {
    session: id,
    holder: {
      key,
      holder: `${key}0000000`,
      issuer: Uint8Array.of(1, 2, 3, 4),
      statusIndex: key.charCodeAt(0),
      badge: new Uint8Array(8).fill(key.charCodeAt(0)),
      grants: [{ training: 1, level: 2 }],
      assurance: 2,
    },
  };
}

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;

/** A moment and what happens then; a tap is written by its holder's letter. */
export type Moment = readonly [atMs: number, event: Bare | string];

export interface Story {
  readonly state: InterlockState;
  readonly records: readonly InterlockRecord[];
}

/** Lets a started interlock live through events; `told` holds records as short lines. */
export function live(policy: MachinePolicy, moments: readonly Moment[], from: InterlockState = STARTING): Story {
  let state = from.kind === "starting" ? step(from, { kind: "started", atMs: 0, faults: [] }, policy).state : from;
  const records: InterlockRecord[] = [];
  for (const [atMs, what] of moments) {
    const event: InterlockEvent =
      typeof what === "string"
        ? { kind: "tapAccepted", atMs, candidate: candidateOf(what, records.length), cardPresent: true }
        : { ...what, atMs };
    const next = step(state, event, policy);
    state = next.state;
    records.push(...next.records);
  }
  return { state, records };
}

/** "sessionEnded tap" and the like. */
export function toldBy({ records }: Story): readonly string[] {
  return records.map(({ kind, code, reason }) => [kind, reason, code].filter((part) => part !== undefined).join(" "));
}

/** One row of a table of transitions. */
export interface Row {
  readonly title: string;
  readonly policy?: Partial<MachinePolicyInput>;
  readonly moments: readonly Moment[];
  readonly state: string;
  /** "open" unless told. */
  readonly relay?: "open" | "closed";
  readonly told: readonly string[];
}

/** What a row's story comes to, in the form in which the row tells it. */
export function outcomeOf({ policy: input, moments }: Row): Pick<Row, "state" | "relay" | "told"> {
  const policy = policyOf(input);
  const story = live(policy, moments);
  return { state: story.state.kind, relay: outputsFor(story.state, policy).relay, told: toldBy(story) };
}
