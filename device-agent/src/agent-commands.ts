import { type Command, type CommandAction, type TrustCode, openCommand, sha256, toHex } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { within } from "./agent-deps.js";
import type { CardJobs } from "./agent-jobs.js";
import { LATCHED_FAULTS, commandCounted } from "./agent-marks.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { blocksOf } from "./interlock/interlock-state.js";
import type { MarkChanges } from "./ports.js";

export interface CommandsOptions {
  readonly lastNumber: number;
  /** False after marks were lost: nobody knows which numbers were used. */
  readonly isCounterKnown: boolean;
  readonly jobs: CardJobs;
  /** Lockouts set up to this instant are released; the marks that keep it in mind. */
  readonly onReleased: (at: number) => MarkChanges;
}

const COMMIT_MS = 250;

/** What staff order, by signed commands (SPEC 4.7): each number once, counted before it acts. */
export class Commands {
  readonly #context: AgentContext;
  readonly #options: CommandsOptions;
  #lastNumber: number;
  #isCounterKnown: boolean;
  #lastBytes: string | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(context: AgentContext, options: CommandsOptions) {
    this.#context = context;
    this.#options = options;
    this.#lastNumber = options.lastNumber;
    this.#isCounterKnown = options.isCounterKnown;
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** Takes a command's bytes, one after the other. Never rejects. */
  take(bytes: Uint8Array): Promise<void> {
    this.#turn = this.#turn.then(() => this.#take(bytes));
    return this.#turn;
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const { trust, agent, log } = this.#context.deps;
    const hash = toHex(sha256(bytes));
    // The broker delivers at least once: the same command again is no replay.
    if (hash === this.#lastBytes) return;
    const opened = openCommand(bytes, trust.state.root, trust.state.site, agent);
    if (!opened.ok) {
      const record: InterlockRecord = { kind: "securityEvent", code: opened.code, reason: "command" };
      this.#context.noteRepeated(`command ${opened.code}`, record);
      return;
    }
    const command = opened.value;
    const refusal = this.#refusalOf(command);
    if (refusal) {
      log.warn({ command: command.number, code: refusal }, "a command was refused");
      this.#context.noteRepeated(`command ${refusal} ${command.number}`, {
        kind: "commandRefused",
        code: refusal,
        command: command.number,
        reason: command.action.kind,
      });
      // What was refused for want of a counter or of the time is used up, too.
      if (refusal !== "COMMAND_REFUSED") return;
      this.#lastBytes = hash;
      await this.#count(command.number);
      return;
    }
    this.#lastBytes = hash;
    const counted = await this.#count(command.number);
    // With the journal stalled only what makes the machine safer acts: done twice it does no harm.
    if (counted || isTightening(command.action)) await this.#act(command);
    else this.#refuseUncounted(command);
  }

  #refusalOf({ number, expiresAt, action }: Command): TrustCode | undefined {
    const { trust, clock } = this.#context.deps;
    if (trust.now(clock.nowMs()) >= expiresAt) return "OBJECT_EXPIRED";
    if (number <= this.#lastNumber) return "COMMAND_REPLAYED";
    if ("machine" in action && action.machine !== this.#context.guarded.id) return "COMMAND_REFUSED";
    // With the counter lost any command may be one that was used before: to make safer does no harm, to show a lamp
    // neither.
    const harmless = isTightening(action) || action.kind === "identify";
    if (!harmless && !this.#isCounterKnown) return "COMMAND_REFUSED";
    return action.kind === "release" && trust.clock.state !== "synced" ? "COMMAND_REFUSED" : undefined;
  }

  async #count(number: number): Promise<boolean> {
    this.#lastNumber = number;
    this.#isCounterKnown = true;
    return within(COMMIT_MS, this.#context.write([], commandCounted(number)), this.#context.deps.scheduler);
  }

  #refuseUncounted({ number, action }: Command): void {
    void this.#context.write([
      { kind: "commandRefused", code: "JOURNAL_UNAVAILABLE", command: number, reason: action.kind },
    ]);
  }

  async #act({ number, action, issuedAt }: Command): Promise<void> {
    const { clock } = this.#context.deps;
    const by = "by" in action ? action.by : undefined;
    const applied: InterlockRecord = {
      kind: "commandApplied",
      command: number,
      reason: action.kind,
      ...(by !== undefined && { by }),
    };
    switch (action.kind) {
      case "outOfService": {
        const lockout = { reason: action.reason, by: action.by, at: issuedAt };
        await this.#context.submit({ kind: "outOfServiceSet", when: action.when, lockout, command: number });
        break;
      }
      case "release":
        await this.#release(number, action.by, issuedAt);
        break;
      case "end":
        await this.#context.submit({ kind: "endOrdered", by: action.by, command: number });
        break;
      case "writeCard":
        this.#options.jobs.begin({
          kind: "write",
          job: action.job,
          command: number,
          badge: action.badge,
          untilMs: clock.nowMs() + action.seconds * 1000,
          ...(action.uid && { uid: action.uid }),
        });
        break;
      case "readCard":
        this.#options.jobs.begin({
          kind: "read",
          job: action.job,
          command: number,
          untilMs: clock.nowMs() + action.seconds * 1000,
        });
        break;
      case "identify":
        this.#context.notify({ kind: "here" }, action.seconds * 1000);
        break;
    }
    void this.#context.write([applied]);
  }

  /** Staff looked after the machine: its lockout goes, and the faults that wait for them. */
  async #release(command: number, by: string, at: number): Promise<void> {
    void this.#context.write([], this.#options.onReleased(at));
    await this.#context.submit({ kind: "outOfServiceCleared", by, command });
    for (const fault of LATCHED_FAULTS) {
      if (!blocksOf(this.#context.loop.state).faults.includes(fault)) continue;
      await this.#context.submit({ kind: "faultCleared", fault, by });
    }
  }
}

function isTightening({ kind }: CommandAction): boolean {
  return kind === "outOfService" || kind === "end";
}
