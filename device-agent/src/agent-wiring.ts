import { isDeepStrictEqual } from "node:util";
import type { MachinePolicy } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import type { Wiring } from "./ports.js";

/** Less than systemd waits for the loop; a small Pi may need longer, and is asked again by and by. */
const REWIRE_MS = 2_500;

/**
 * Keeps the lines as the machine's signed policy wires them. What is wired changes only while nobody uses the machine.
 */
export class WiringKeeper {
  readonly #context: AgentContext;
  #inForce: Wiring | undefined;
  /** The last one that was compared with what is in force. */
  #seen: Wiring | undefined;

  constructor(context: AgentContext) {
    this.#context = context;
    this.#inForce = this.#seen = context.deps.wiring;
  }

  /** The policy with the wiring that the lines have: a new one must not be believed before it is there. */
  asWired(policy: MachinePolicy): MachinePolicy {
    return this.#inForce && this.#inForce !== policy.wiring ? { ...policy, wiring: this.#inForce } : policy;
  }

  /** Takes the wiring of the newest policy into use; the loop waits for it, and nobody is at the machine. */
  async follow(): Promise<void> {
    const wanted = this.#context.guarded.policy?.wiring;
    if (!wanted || wanted === this.#seen) return;
    const { log } = this.#context.deps;
    if (wanted.reader !== this.#seen?.reader) log.warn("a newly named reader is taken at the next start");
    this.#seen = wanted;
    if (isDeepStrictEqual(linesOf(wanted), linesOf(this.#inForce))) return;
    this.#inForce = wanted;
    try {
      await this.#rewire(wanted);
      log.info("the machine is wired as its new rules say");
    } catch (error) {
      log.error(
        { err: error },
        "the machine's wiring cannot be had, and nobody can use it: correct its pins in the console, or free what else uses them; badgekey-agent doctor says more",
      );
      void this.#context.submit({ kind: "faultRaised", fault: "RELAY_UNRESPONSIVE", severity: "openNow" });
    }
    void this.#context.submit({ kind: "policyChanged" });
  }

  #rewire(wiring: Wiring): Promise<void> {
    const { relay, scheduler } = this.#context.deps;
    return new Promise((resolve, reject) => {
      const cancel = scheduler.after(REWIRE_MS, () => reject(new Error("the lines were not ready in time")));
      relay.rewire(wiring).then(resolve, reject).finally(cancel);
    });
  }
}

/** Without the reader, which is no line. */
function linesOf(wiring: Wiring | undefined): Wiring | undefined {
  return wiring && { ...wiring, reader: undefined };
}
