import { type Signer, signAcknowledgement } from "@badgekey/shared";
import type { ChainHead } from "./ports.js";

export interface AcknowledgerDeps {
  /** SHA-256 of root version 1. */
  readonly site: Uint8Array;
  readonly signer: Signer;
  readonly send: (agent: string, acknowledgement: Uint8Array) => void;
  readonly nowMs: () => number;
  /** Calls back once after so many ms; returns how to call it off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** A signature and a delivery for each agent at most so often: acknowledgements cost more than records. */
const INTERVAL_MS = 250;

/** Tells agents what is held for good: the signed chain head (SPEC 6.4), at once, then at most every 250 ms for each agent. */
export class Acknowledger {
  readonly #deps: AcknowledgerDeps;
  readonly #agents = new Map<
    string,
    { sentMs: number; head: ChainHead | undefined; callOff: (() => void) | undefined }
  >();

  constructor(deps: AcknowledgerDeps) {
    this.#deps = deps;
  }

  note(agent: string, head: ChainHead): void {
    const now = this.#deps.nowMs();
    let entry = this.#agents.get(agent);
    if (!entry) {
      entry = { sentMs: Number.NEGATIVE_INFINITY, head: undefined, callOff: undefined };
      this.#agents.set(agent, entry);
    }
    entry.head = head;
    if (entry.callOff) return;
    const wait = entry.sentMs + INTERVAL_MS - now;
    if (wait <= 0) this.#send(agent);
    else entry.callOff = this.#deps.after(wait, () => this.#send(agent));
  }

  close(): void {
    for (const { callOff } of this.#agents.values()) callOff?.();
    this.#agents.clear();
  }

  #send(agent: string): void {
    const entry = this.#agents.get(agent);
    if (!entry?.head) return;
    const { boot, sequence, chain } = entry.head;
    entry.sentMs = this.#deps.nowMs();
    entry.callOff = undefined;
    entry.head = undefined;
    // Before the first row is linked there is nothing to acknowledge.
    if (boot === 0) return;
    const { site, signer, send } = this.#deps;
    send(agent, signAcknowledgement({ agent, upTo: { boot, sequence }, chain }, site, signer));
  }
}
