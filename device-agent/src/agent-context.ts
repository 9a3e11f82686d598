import type { MachinePolicy, TapCode } from "@badgekey/shared";
import type { AgentDeps, Presentation } from "./agent-deps.js";
import type { Field } from "./agent-field.js";
import type { Applied, Loop, LoopEvent } from "./agent-loop.js";
import type { GuardedMachine } from "./agent-machine.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import type { JournalHead, MarkChanges } from "./ports.js";
import type { Notice } from "./screen/screen-for.js";

/** What the parts of the agent share. */
export interface AgentContext {
  readonly deps: AgentDeps;
  readonly presentation: Presentation;
  readonly loop: Pick<Loop, "state" | "remembered">;
  readonly field: Field;
  readonly guarded: GuardedMachine;
  /** The machine's rules in force now, also where the newest policy does not name it. */
  readonly policy: MachinePolicy;
  /** What stands in the way of everybody now, whatever they show; the first of it. */
  readonly hindrance: TapCode | undefined;
  readonly head: JournalHead;
  /** Monotonic ms since the agent's start. */
  upMs(): number;
  stalenessMs(): number;
  /** Applies an event in its turn; undefined once the loop has ended. Never rejects. */
  submit(event: LoopEvent): Promise<Applied | undefined>;
  /** Resolves once durable, never rejects. */
  write(records: readonly InterlockRecord[], marks?: MarkChanges): Promise<void>;
  /** Records a fact that can come in floods: equal ones (by key) are one record a minute. */
  noteRepeated(key: string, record: InterlockRecord): void;
  /** Shows something for a few seconds in place of the state, or the state at once. */
  notify(notice: Notice | undefined, forMs?: number): void;
  /** Runs a dialogue with a card within its budget. */
  dialogue<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T>;
}
