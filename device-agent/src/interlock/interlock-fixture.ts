import { type MachinePolicy, type MachinePolicyInput, machinePolicySchema } from "@badgekey/shared";
import type { InputName, InterlockEvent, InterlockRecord } from "./interlock-event.js";
import { type Candidate, type InterlockState, STARTING } from "./interlock-state.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";

/** Small values for tests of the interlock. */

export function policyOf(input: Partial<MachinePolicyInput> = {}): MachinePolicy {
  return machinePolicySchema.parse({ name: "Test machine", ...input });
}

/** Wiring with these contacts. */
export function wired(...inputs: readonly InputName[]): { inputs: Partial<Record<InputName, { pin: number }>> } {
  return { inputs: Object.fromEntries(inputs.map((input, index) => [input, { pin: 16 + index }])) };
}

/**
 * A candidate named by one letter: "t" and "u" are trainees, "T" and "U" trainers, "S" a steward, "w" is accepted only
 * because the machine watches; everybody else may work alone. `session` distinguishes its taps.
 */
export function candidateOf(key: string, session = 0): Candidate {
  const id = new Uint8Array(8);
  id[0] = key.charCodeAt(0);
  id[7] = session;
  return {
    session: id,
    needsSupervision: key === "t" || key === "u",
    maySupervise: key === "T" || key === "U" || key === "S",
    isSteward: key === "S",
    waived: key === "w" ? ["TRAINING_MISSING"] : [],
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

/** A moment and what happens then; a tap is written by its holder's letter, a contact by "+busy" or "-busy". */
export type Moment = readonly [atMs: number, event: Bare | string];

export interface Story {
  readonly state: InterlockState;
  readonly records: readonly InterlockRecord[];
}

const PRESS = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

export function eventOf([atMs, what]: Moment, session = 0): InterlockEvent {
  if (typeof what !== "string") return { ...what, atMs };
  const sign = what.charAt(0);
  if (sign === "+" || sign === "-") {
    const input = what.slice(1) as InputName;
    return { kind: "inputChanged", atMs, input, active: sign === "+", session: PRESS };
  }
  return { kind: "tapAccepted", atMs, candidate: candidateOf(what, session), cardPresent: true };
}

/** A started interlock whose wired contacts have all told once, at 0, that they are inactive. */
export function startedUnder(policy: MachinePolicy): InterlockState {
  const inputs = Object.keys(policy.wiring.inputs).map((input): Moment => [0, `-${input}`]);
  const started = step(STARTING, { kind: "started", atMs: 0, faults: [] }, policy).state;
  return inputs.reduce((state, moment) => step(state, eventOf(moment), policy).state, started);
}

/** Lets a started interlock live through events; `toldBy` tells its records as short lines. */
export function live(policy: MachinePolicy, moments: readonly Moment[], from: InterlockState = STARTING): Story {
  let state = from.kind === "starting" ? startedUnder(policy) : from;
  const records: InterlockRecord[] = [];
  for (const moment of moments) {
    const next = step(state, eventOf(moment, records.length), policy);
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
  /** The state's kind, and what it waits for where it waits. */
  readonly state: string;
  /** "open" unless told. */
  readonly relay?: "open" | "closed";
  readonly told: readonly string[];
}

/** What a row's story comes to, in the form in which the row tells it. */
export function outcomeOf({ policy: input, moments }: Row): Pick<Row, "state" | "relay" | "told"> {
  const policy = policyOf(input);
  const story = live(policy, moments);
  return { state: nameOf(story.state), relay: outputsFor(story.state, policy).relay, told: toldBy(story) };
}

function nameOf(state: InterlockState): string {
  return state.kind === "armed" || state.kind === "pending" ? `${state.kind} ${state.waitsFor}` : state.kind;
}
