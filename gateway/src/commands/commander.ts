import { type CommandAction, type Instant, type Signer, signCommand } from "@badgekey/shared";
import { RefusedError } from "../refused.js";
import type { CommandStore } from "./ports.js";

export interface CommandDeps {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly signer: Signer;
  readonly store: CommandStore;
  readonly isConnected: (agent: string) => boolean;
  readonly send: (agent: string, command: Uint8Array) => void;
  readonly clock: () => Instant;
}

/** How long a command may be carried out, ms: it is for now, what lasts stands in the policy (SPEC 4.7). */
const LIFE_MS = 60_000;

/** Sends one command: its number is committed before it is signed. Refused: AGENT_UNREACHABLE. */
export async function sendCommand(agent: string, action: CommandAction, deps: CommandDeps): Promise<number> {
  const { site, signer, store, isConnected, send, clock } = deps;
  if (!isConnected(agent)) {
    throw new RefusedError("AGENT_UNREACHABLE", `the controller ${agent} is not connected`, {
      hint: "check its power and network; `agent list` shows when it was last seen",
    });
  }
  const issuedAt = clock();
  const expiresAt = issuedAt + LIFE_MS;
  const number = await store.nextNumber(agent, action.kind, issuedAt, expiresAt);
  send(agent, signCommand({ agent, number, issuedAt, expiresAt, action }, site, signer));
  return number;
}
