import type { MachinePolicy } from "@badgekey/shared";
import { expect, test } from "vitest";
import { candidateOf, policyOf } from "./interlock-fixture.js";
import type { InterlockEvent } from "./interlock-event.js";
import { type Active, type Armed, type InterlockState, STARTING, blocksOf, sessionOf } from "./interlock-state.js";
import { BOUNCE_MS, READER_LOST_MS } from "./interlock-times.js";
import { outputsFor } from "./outputs-for.js";
import { step } from "./step.js";
import { warningMs } from "./take-tap.js";

/** Every state that can be reached × every event, at every deadline, for a small grid of policies. */

const lockout = { reason: "service", by: "staff-1", at: 0 };
type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
const happenings: readonly Bare[] = [
  { kind: "tick" },
  { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: true },
  { kind: "tapAccepted", candidate: candidateOf("b"), cardPresent: true },
  { kind: "tapAccepted", candidate: candidateOf("a"), cardPresent: false },
  { kind: "tapRefused", key: "a" },
  { kind: "cardRemoved" },
  { kind: "startPressed" },
  { kind: "endPressed" },
  { kind: "endOrdered", by: "staff-1", command: 1 },
  { kind: "outOfServiceSet", when: "now", lockout },
  { kind: "outOfServiceSet", when: "whenFree", lockout },
  { kind: "outOfServiceCleared", by: "staff-1" },
  { kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow" },
  { kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" },
  { kind: "faultCleared", fault: "RELAY_STUCK" },
  { kind: "faultCleared", fault: "READER_LOST" },
  { kind: "policyChanged" },
  { kind: "badgeStatusChanged", status: "withdrawn" },
  { kind: "badgeStatusChanged", status: "good" },
  { kind: "readerLost" },
  { kind: "started", faults: [] },
  { kind: "stopped" },
];
/** Far above what the search finds: a state that grows without bound must fail here, not run for ever. */
const MOST_STATES = 20_000;

const grid: readonly MachinePolicy[] = (
  [
    ["tap", false, "confirm", "hold"],
    ["tap", true, "confirm", "pulse"],
    ["tap", false, "free", "pulse"],
    ["tap", true, "refuse", "hold"],
    ["hold", false, "refuse", "hold"],
    ["hold", true, "confirm", "pulse"],
  ] as const
).map(([presence, startButton, handover, output]) =>
  policyOf({
    presence,
    startButton,
    handover,
    session: { maxSeconds: 15, warnSeconds: 5, removalGraceMs: 1_000 },
    wiring: { output, pulseSeconds: 6 },
    whenRevoked: handover === "free" ? "cutNow" : "finishThenLock",
  }),
);

/** The moments at which something can become different by time alone, soonest first; now is always one of them. */
function momentsIn(state: InterlockState, atMs: number, policy: MachinePolicy): readonly number[] {
  const after = (fromMs: number | undefined, ms: number) => (fromMs === undefined ? undefined : fromMs + ms);
  const ofRunning = ({ removedMs, lastTap }: Armed | Active) => [
    after(removedMs, policy.session.removalGraceMs),
    lastTap.atMs + BOUNCE_MS,
  ];
  const ofActive = (active: Active) => [
    ...ofRunning(active),
    active.endsMs,
    after(active.endsMs, -warningMs(policy)),
    active.contact.kind === "pulse" ? active.contact.untilMs : undefined,
    active.withdrawn?.endsMs,
    after(active.readerLostMs, policy.session.removalGraceMs + READER_LOST_MS),
  ];
  return [
    ...new Set([atMs, ...deadlines().filter((moment): moment is number => moment !== undefined && moment > atMs)]),
  ];

  function deadlines(): readonly (number | undefined)[] {
    switch (state.kind) {
      case "starting":
        return [];
      case "idle":
      case "lockedOut":
      case "faulted":
        return [after(state.lastTap?.atMs, BOUNCE_MS)];
      case "armed":
        return [...ofRunning(state), state.untilMs];
      case "active":
        return ofActive(state);
      case "pending":
        return [...ofActive(state.running), state.untilMs];
    }
  }
}

/** Situations in which the same deadlines lie ahead are one. */
function keyOf(state: InterlockState, atMs: number, policy: MachinePolicy): string {
  const ahead = (untilMs: number | undefined) => (untilMs === undefined ? "-" : untilMs > atMs ? "ahead" : "over");
  const within = (fromMs: number | undefined, ms: number) => (fromMs === undefined ? "-" : ahead(fromMs + ms));
  const blocks = blocksOf(state);
  const common = `${state.kind} ${blocks.lockout ? "L" : ""}${[...blocks.faults].sort().join()}`;
  switch (state.kind) {
    case "starting":
      return common;
    case "idle":
    case "lockedOut":
    case "faulted":
      return `${common} ${state.lastTap?.key ?? ""}${within(state.lastTap?.atMs, BOUNCE_MS)}`;
    case "armed":
      return `${common} ${runningKey(state)} ${ahead(state.untilMs)}`;
    case "active":
      return `${common} ${runningKey(state)} ${activeKey(state)}`;
    case "pending":
      return `${common} ${runningKey(state.running)} ${activeKey(state.running)} ${ahead(state.untilMs)}`;
  }

  function runningKey({ session, removedMs, lastTap }: Armed | Active): string {
    const grace = within(removedMs, policy.session.removalGraceMs);
    return `${session.holder.key} ${grace} ${lastTap.key}${within(lastTap.atMs, BOUNCE_MS)}`;
  }

  function activeKey({ contact, endsMs, warned, readerLostMs, withdrawn }: Active): string {
    const pulse = contact.kind === "pulse" ? ahead(contact.untilMs) : contact.kind;
    const lost = within(readerLostMs, policy.session.removalGraceMs + READER_LOST_MS);
    const end = `${ahead(endsMs)} ${within(endsMs, -warningMs(policy))} ${ahead(withdrawn?.endsMs)}`;
    return `${pulse} ${end} ${warned} ${lost}`;
  }
}

test("no reachable state closes the relay without its one session, or hides a lockout or a fault", () => {
  let states = 0;
  let steps = 0;
  const kinds = new Set<string>();
  for (const policy of grid) {
    const seen = new Set<string>();
    const queue: { state: InterlockState; atMs: number }[] = [{ state: STARTING, atMs: 0 }];
    for (let from = queue.pop(); from !== undefined; from = queue.pop()) {
      for (const atMs of momentsIn(from.state, from.atMs, policy)) {
        for (const happening of happenings) {
          steps += 1;
          const event: InterlockEvent = { ...happening, atMs };
          const { state } = step(from.state, event, policy);
          check(from.state, event, state, policy);
          const key = keyOf(state, atMs, policy);
          if (seen.has(key)) continue;
          seen.add(key);
          kinds.add(state.kind);
          queue.push({ state, atMs });
        }
      }
    }
    expect(seen.size).toBeLessThan(MOST_STATES);
    states += seen.size;
  }
  expect([...kinds].sort()).toEqual(["active", "armed", "faulted", "idle", "lockedOut", "pending", "starting"]);
  console.info(`interlock search: ${states} states, ${steps} steps, ${grid.length} policies`);
}, 20_000);

function check(before: InterlockState, event: InterlockEvent, after: InterlockState, policy: MachinePolicy): void {
  const closed = outputsFor(after, policy).relay === "closed";
  const wasClosed = outputsFor(before, policy).relay === "closed";
  const blocks = blocksOf(after);
  const wrong =
    (closed && !sessionOf(after)) ||
    (closed && !wasClosed && event.kind !== "tapAccepted" && event.kind !== "startPressed") ||
    (closed && !wasClosed && (blocks.lockout !== undefined || blocks.faults.length > 0)) ||
    (closed && event.kind === "faultRaised" && event.severity === "openNow") ||
    (closed && event.kind === "outOfServiceSet" && event.when === "now") ||
    (closed && (event.kind === "endPressed" || event.kind === "endOrdered" || event.kind === "stopped")) ||
    (after.kind === "idle" && (blocks.lockout !== undefined || blocks.faults.length > 0));
  if (wrong) throw new Error(`${JSON.stringify(before)} + ${JSON.stringify(event)} → ${JSON.stringify(after)}`);
}
