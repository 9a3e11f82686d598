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

/** A signature and a delivery cost more than a record: one agent has an acknowledgement at most so often … */
const LEAST_INTERVAL_MS = 200;
/** … and when many agents send at once, all of them together at most one in so many ms. */
const BETWEEN_ANY_MS = 5;

/**
 * Tells agents what is held for good: the signed chain head (SPEC 6.4), at once, then at most every 200 ms for each
 * agent.
 */
export class Acknowledger {
  readonly #deps: AcknowledgerDeps;
  readonly #agents = new Map<
    string,
    { sentMs: number; head: ChainHead | undefined; callOff: (() => void) | undefined }
  >();

  #waiting = 0;

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
    const interval = Math.max(LEAST_INTERVAL_MS, this.#waiting * BETWEEN_ANY_MS);
    const wait = entry.sentMs + interval - now;
    if (wait <= 0) {
      this.#send(agent);
      return;
    }
    this.#waiting += 1;
    entry.callOff = this.#deps.after(wait, () => {
      this.#waiting -= 1;
      this.#send(agent);
    });
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
