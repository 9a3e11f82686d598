import type { MachinePolicy } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import type { Applied } from "./agent-loop.js";
import { STARTING } from "./interlock/interlock-state.js";
import type { InputReport, Screen, ScreenAction } from "./ports.js";
import { english } from "./screen/messages/messages.js";
import { screenFor } from "./screen/screen-for.js";

const SESSION_ID_BYTES = 8;
/**
 * Who takes a machine out of service where nobody of the staff does: a policy does not lift what it does not know of.
 */
export const MACHINE_ITSELF = "machine";
const PROBLEM = "problem reported at the machine";

/** What a screen offers to report in its languages, where the machine's rules name nothing. */
export function offeredProblems({ languages = [english] }: Pick<Screen, "languages">): readonly string[] {
  const nothing = { timeZone: "UTC", now: 0, nowMs: 0, clock: "untrusted", stalenessMs: 0 } as const;
  return languages.flatMap((messages) => screenFor(STARTING, { ...nothing, messages }).problems ?? []);
}

/** The rules with the reasons for which a problem may be reported: nobody writes into the log in words of his own. */
export function withProblems(policy: MachinePolicy, offered: readonly string[]): MachinePolicy {
  const { problem } = policy;
  return problem.reasons.length > 0 ? policy : { ...policy, problem: { ...problem, reasons: [...offered] } };
}

/** What the machine's contacts tell, and what people do at its buttons and its screen. */
export class Contacts {
  readonly #context: AgentContext;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  onInput(report: InputReport): void {
    const { log, random } = this.#context.deps;
    const { input } = report;
    switch (report.kind) {
      case "changed":
        log.debug({ input, active: report.active }, "a contact changed");
        // Named by us: a press may begin a use where the machine is open to everyone.
        void this.#context.submit({
          kind: "inputChanged",
          input,
          active: report.active,
          session: random(SESSION_ID_BYTES),
        });
        return;
      case "lost":
        log.warn({ input, reason: report.reason }, "nobody knows how a contact stands");
        void this.#context.submit({ kind: "inputLost", input });
        return;
    }
  }

  onScreenAction(action: ScreenAction): void {
    switch (action.kind) {
      case "endPressed":
      case "problemReported":
        // The interlock takes the policy's own reasons only: a page that anyone can reach is no way to write into the
        // log.
        void this.#context.submit(action);
        return;
    }
  }

  /** Whoever's policy says so is out of service after a report, as soon as nobody uses it. */
  afterStep({ records }: Applied): void {
    const report = records.find(({ kind }) => kind === "problemReported");
    const { deps, policy } = this.#context;
    if (!report || !policy.problem.outOfService) return;
    const reason = policy.problem.reasons.find((one) => one === report.reason) ?? PROBLEM;
    const lockout = { reason, by: MACHINE_ITSELF, at: deps.trust.now(deps.clock.nowMs()) };
    void this.#context.submit({ kind: "outOfServiceSet", when: "whenFree", lockout });
  }
}
