import type { ClockState } from "@badgekey/shared";
import type { InterlockState } from "./interlock/interlock-state.js";

/** How an agent stands: what its service tells whoever looks after it. */
export interface AgentHealth {
  readonly machine: string;
  readonly state: InterlockState["kind"];
  readonly clock: ClockState;
  /** Since the gateway confirmed the time last; undefined where it never did. */
  readonly stalenessMs: number | undefined;
  readonly isConnected: boolean;
  /** Usage records that the gateway has not acknowledged yet. */
  readonly pending: number;
}

const states: Readonly<Record<InterlockState["kind"], string>> = {
  starting: "starting",
  idle: "ready",
  pending: "waits for a handover to be confirmed",
  armed: "waits for its start",
  active: "in use",
  lockedOut: "out of service",
  faulted: "needs attention",
};

/** What a service's status says where its agent's time is not confirmed; `doctor` looks for it. */
export const CLOCK_NOT_CONFIRMED = "clock not confirmed";

const clocks: Readonly<Record<ClockState, string>> = {
  synced: "clock confirmed",
  holdover: "clock carried on by its battery",
  untrusted: CLOCK_NOT_CONFIRMED,
};

/** One line for people. */
export function healthLine({ machine, state, clock, stalenessMs, isConnected, pending }: AgentHealth): string {
  const server = isConnected ? "the server is in reach" : "no contact with the server";
  return [
    `guards ${machine}: ${states[state]}`,
    clocks[clock],
    `${server}, ${stalenessMs === undefined ? "never heard" : `heard ${agoOf(stalenessMs)}`}`,
    `${String(pending)} records not yet delivered`,
  ].join("; ");
}

function agoOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return "just now";
  if (minutes < 120) return `${String(minutes)} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${String(hours)} hours ago` : `${String(Math.floor(hours / 24))} days ago`;
}
