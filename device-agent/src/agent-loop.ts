import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import { type AgentDeps, within } from "./agent-deps.js";
import type { InterlockEvent, InterlockRecord } from "./interlock/interlock-event.js";
import { type InterlockState, STARTING, blocksOf } from "./interlock/interlock-state.js";
import { outputsFor } from "./interlock/outputs-for.js";
import { step } from "./interlock/step.js";

export interface LoopHooks {
  readonly policy: () => MachinePolicy;
  /** Writes what a step leaves; resolves once it is durable, never rejects. */
  readonly remember: (
    before: InterlockState,
    after: InterlockState,
    records: readonly InterlockRecord[],
  ) => Promise<void>;
  readonly afterStep: (applied: Applied) => void;
}

/** What one event came to. */
export interface Applied {
  readonly event: InterlockEvent;
  readonly before: InterlockState;
  readonly after: InterlockState;
  readonly records: readonly InterlockRecord[];
  /** Monotonic ms at which the relay's holder acknowledged a closure that this event brought about. */
  readonly closedMs?: number;
}

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
export type LoopEvent = Bare;

/** SAFETY R2: the longest a contact stays closed without the loop's word. */
export const PERMIT_MS = 500;
export const TICK_MS = 150;
const COMMIT_MS = 250;
/** The holder answers within 250 ms or its driver rejects; this bounds a driver that does neither. */
const RELAY_MS = 400;
const STUCK_AFTER_MS = 200;
const REOPEN_EVERY_MS = 1_000;

/**
 * The loop around the interlock, the only place with effects on the machine (STYLE E9): one event at a time; it opens
 * before it writes, and writes before it closes.
 */
export class Loop {
  readonly #deps: AgentDeps;
  readonly #hooks: LoopHooks;
  #state: InterlockState = STARTING;
  #remembered: InterlockState = STARTING;
  #last: Promise<unknown> = Promise.resolve();
  #cancelTick: (() => void) | undefined;
  #ended = false;
  /** Since when the contact is read closed although it should be open. */
  #closedSinceMs: number | undefined;
  #reopenAtMs = 0;

  constructor(deps: AgentDeps, hooks: LoopHooks) {
    this.#deps = deps;
    this.#hooks = hooks;
  }

  get state(): InterlockState {
    return this.#state;
  }

  /** The newest state of which everything that must survive a restart is durable: what may be reported (SAFETY R5). */
  get remembered(): InterlockState {
    return this.#remembered;
  }

  /** Applies an event after those before it. Undefined once the loop has ended. */
  submit(event: LoopEvent): Promise<Applied | undefined> {
    const turn = this.#last.then(() => (this.#ended ? undefined : this.#apply({ ...event, atMs: this.#nowMs() })));
    this.#last = turn.catch((error: unknown) => this.fail(error));
    return turn;
  }

  startTicking(): void {
    this.#cancelTick = this.#deps.scheduler.after(TICK_MS, () => {
      void this.submit({ kind: "tick" }).then((applied) => applied && this.startTicking(), ignoreHandled);
    });
  }

  /** Opens and takes no more events; resolves when the last one has been dealt with. */
  async end(): Promise<void> {
    this.#cancelTick?.();
    const stopped = this.submit({ kind: "stopped" });
    await stopped.catch(ignoreHandled);
    this.#cancelTick?.();
    this.#ended = true;
  }

  async #apply(event: InterlockEvent): Promise<Applied> {
    const before = this.#state;
    if (event.kind === "tapAccepted") await this.#proveOpen(event.atMs);
    const from = this.#state;
    const { state, records } = step(from, event, this.#hooks.policy());
    const closes = !this.#isClosed(from) && this.#isClosed(state);
    this.#state = state;
    // Never behind disk or network.
    if (this.#isClosed(from) && !this.#isClosed(state)) await this.#open(event.atMs);
    const remembered = this.#hooks.remember(from, state, records).then(() => {
      this.#remembered = state;
    });
    if (records.some(({ kind }) => kind === "sessionStarted")) {
      // SAFETY R8: no log, no start. The commit may still come; `startAborted` stands behind it then.
      if (!(await within(COMMIT_MS, remembered, this.#deps.scheduler))) {
        const aborted = await this.#apply({ kind: "startNotLogged", atMs: this.#nowMs() });
        return { ...aborted, event, before, records: [...records, ...aborted.records] };
      }
    }
    if (this.#isClosed(state) && !(await this.#permit())) {
      const failed = await this.#relayFailed();
      return { ...failed, event, before, records: [...records, ...failed.records] };
    }
    const applied = { event, before, after: state, records, ...(closes && { closedMs: this.#nowMs() }) };
    this.#hooks.afterStep(applied);
    if (event.kind === "tick") await this.#lookAfterRelay(event.atMs);
    this.#deps.onProgress?.();
    return applied;
  }

  #isClosed(state: InterlockState): boolean {
    return outputsFor(state, this.#hooks.policy()).relay === "closed";
  }

  async #permit(): Promise<boolean> {
    // A defect met elsewhere while this step waited for its commit.
    if (this.#ended) return false;
    return within(RELAY_MS, this.#deps.relay.permit(PERMIT_MS), this.#deps.scheduler);
  }

  async #open(atMs: number): Promise<void> {
    if (await within(RELAY_MS, this.#deps.relay.open(), this.#deps.scheduler)) return;
    this.#reopenAtMs = atMs + REOPEN_EVERY_MS;
    await this.#relayFailed();
  }

  /** The holder is started anew and opens first: a session whose contact has opened that way is over (SAFETY R2). */
  #relayFailed(): Promise<Applied> {
    return this.#apply({
      kind: "faultRaised",
      fault: "RELAY_UNRESPONSIVE",
      severity: "openNow",
      atMs: this.#nowMs(),
    });
  }

  async #lookAfterRelay(atMs: number): Promise<void> {
    if (this.#isClosed(this.#state)) return;
    await this.#watchContact(atMs, STUCK_AFTER_MS);
    if (!this.#has("RELAY_UNRESPONSIVE") || atMs < this.#reopenAtMs) return;
    this.#reopenAtMs = atMs + REOPEN_EVERY_MS;
    if (!(await within(RELAY_MS, this.#deps.relay.open(), this.#deps.scheduler))) return;
    await this.#apply({ kind: "faultCleared", fault: "RELAY_UNRESPONSIVE", atMs: this.#nowMs() });
  }

  /** SAFETY R4: feedback proves *open* before every grant. */
  async #proveOpen(atMs: number): Promise<void> {
    if (!this.#isClosed(this.#state)) await this.#watchContact(atMs, 0);
  }

  async #watchContact(atMs: number, patienceMs: number): Promise<void> {
    if (this.#deps.feedback?.position() !== "closed") {
      this.#closedSinceMs = undefined;
      return;
    }
    this.#closedSinceMs ??= atMs;
    if (atMs - this.#closedSinceMs < patienceMs || this.#has("RELAY_STUCK")) return;
    await this.#apply({ kind: "faultRaised", fault: "RELAY_STUCK", severity: "openNow", atMs });
  }

  #has(fault: FaultCode): boolean {
    return blocksOf(this.#state).faults.includes(fault);
  }

  #nowMs(): number {
    return this.#deps.clock.nowMs();
  }

  /** A bug opens the relay (STYLE E6): nothing is decided any more, and no permit is renewed. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTick?.();
    this.#deps.relay.open().catch((cause: unknown) => {
      this.#deps.log.error({ err: cause }, "the relay did not open after a defect; its permit runs out");
    });
    this.#deps.log.error({ err: error }, "the loop ended by a defect");
    this.#deps.onDefect?.(error);
  }
}

/** What a submitted event rejects with has been dealt with by the loop itself. */
function ignoreHandled(): void {
  return undefined;
}
