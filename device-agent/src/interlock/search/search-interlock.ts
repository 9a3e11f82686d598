import type { MachinePolicy } from "@badgekey/shared";
import type { InterlockEvent } from "../interlock-event.js";
import { type InterlockState, STARTING, blocksOf } from "../interlock-state.js";
import { outputsFor } from "../outputs-for.js";
import { step } from "../step.js";
import { type Happening, happeningsAt } from "./happenings.js";
import { invariants } from "./invariants.js";
import { FRESH, type Monitor, follow } from "./monitor.js";
import { type GridPolicy, policyGrid } from "./policy-grid.js";
import { keyOf, momentsIn } from "./search-situation.js";

/** What is searched: the project's own unless a test plants a bug. */
export interface Interlock {
  readonly step: typeof step;
  readonly outputsFor: typeof outputsFor;
}

export interface SearchOptions {
  readonly interlock?: Interlock;
  readonly policies?: readonly GridPolicy[];
  /** The search of a policy ends at its first violation. */
  readonly stopsEarly?: boolean;
}

export interface SearchResult {
  /** The policies searched, as the grid tells them. */
  readonly policies: readonly string[];
  /** Situations in which the same deadlines are unset, pending or due. */
  readonly states: number;
  /** Events tried in them. */
  readonly edges: number;
  /** A sentence for each kind of violation and policy, with the first story that leads there. */
  readonly violations: readonly string[];
}

const OWN: Interlock = { step, outputsFor };
/** Far above what the search finds: a state that grows without bound must fail here, not run for ever. */
const MOST_STATES = 20_000;

interface Node {
  readonly state: InterlockState;
  readonly monitor: Monitor;
  readonly atMs: number;
  readonly from?: { readonly node: Node; readonly title: string; readonly atMs: number };
}

/**
 * Visits every situation that can be reached under each policy of the grid, tries in each of them everything that can
 * happen, now and at each deadline that lies ahead, and asks for every invariant after every event.
 */
export function searchInterlock({
  interlock = OWN,
  policies = policyGrid(),
  stopsEarly = false,
}: SearchOptions = {}): SearchResult {
  const results = policies.map((policy) => searchPolicy(policy, interlock, stopsEarly));
  return {
    policies: policies.map(({ title }) => title),
    states: results.reduce((sum, { states }) => sum + states, 0),
    edges: results.reduce((sum, { edges }) => sum + edges, 0),
    violations: results.flatMap(({ violations }) => violations),
  };
}

function searchPolicy(
  { title, policy }: GridPolicy,
  interlock: Interlock,
  stopsEarly: boolean,
): Omit<SearchResult, "policies"> {
  const happenings = happeningsAt(policy);
  const violations = new Map<string, string>();
  const seen = new Set<string>();
  // The array grows while it is walked: what was found first is looked at first, so that stories stay short.
  const found: Node[] = [{ state: STARTING, monitor: FRESH, atMs: 0 }];
  let edges = 0;
  for (const node of found) {
    for (const atMs of momentsIn(node.state, node.atMs, policy)) {
      for (const happening of happenings) {
        edges += happening.events.length;
        const next = live(node, { happening, atMs }, { policy, interlock, violations, title });
        const key = keyOf(next.state, next.atMs, policy);
        if (seen.has(key)) continue;
        seen.add(key);
        found.push(next);
      }
    }
    if (seen.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states: ${title}`);
    if (stopsEarly && violations.size > 0) break;
  }
  return { states: seen.size, edges, violations: [...violations.values()] };
}

interface Search {
  readonly policy: MachinePolicy;
  readonly interlock: Interlock;
  readonly violations: Map<string, string>;
  readonly title: string;
}

function live(
  node: Node,
  { happening, atMs }: { readonly happening: Happening; readonly atMs: number },
  search: Search,
): Node {
  const { policy, interlock, violations, title } = search;
  let { state, monitor } = node;
  let nowMs = atMs;
  for (const [afterMs, bare] of happening.events) {
    nowMs += afterMs;
    const event: InterlockEvent = { ...bare, atMs: nowMs };
    const stepped = interlock.step(state, event, policy);
    const outputs = interlock.outputsFor(stepped.state, policy);
    const seen = { event, records: stepped.records, outputs, blocks: blocksOf(stepped.state) };
    const after = follow(monitor, seen);
    const watched = { before: monitor, after, seen, policy };
    for (const [sentence, holds] of invariants) {
      if (holds(watched) || violations.has(sentence)) continue;
      violations.set(sentence, `${sentence}: ${storyOf(node)}${happening.title} at ${nowMs} (${title})`);
    }
    [state, monitor] = [stepped.state, after];
  }
  return { state, monitor, atMs: nowMs, from: { node, title: happening.title, atMs } };
}

/** How the search came here. */
function storyOf({ from }: Node): string {
  return from ? `${storyOf(from.node)}${from.title} at ${from.atMs}; ` : "";
}
