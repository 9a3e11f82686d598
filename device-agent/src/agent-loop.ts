import type { FaultCode, MachinePolicy } from "@badgekey/shared";
import { type AgentDeps, within } from "./agent-deps.js";
import type { InterlockEvent, InterlockRecord } from "./interlock/interlock-event.js";
import { type InterlockState, STARTING, blocksOf } from "./interlock/interlock-state.js";
import { outputsFor } from "./interlock/outputs-for.js";
import { RUN_ON_OFF, type RunOn, runsOn, stepRunOn } from "./interlock/run-on.js";
import { step } from "./interlock/step.js";
import type { Permit } from "./ports.js";

export interface LoopHooks {
  /** The machine's policy in force now. */
  readonly policy: () => MachinePolicy;
  /** Writes what a step leaves; resolves once it is durable, never rejects. */
  readonly remember: (
    before: InterlockState,
    after: InterlockState,
    records: readonly InterlockRecord[],
  ) => Promise<void>;
  readonly afterStep: (applied: Applied) => void;
  /** Called with every tick while nobody uses the machine and all is inactive; the loop waits. */
  readonly whileUnused: () => Promise<void>;
}

/** What one event came to. */
export interface Applied {
  readonly event: InterlockEvent;
  readonly before: InterlockState;
  /** With all that happened before the outputs followed. */
  readonly after: InterlockState;
  readonly records: readonly InterlockRecord[];
  /** Monotonic ms at which the relay's holder acknowledged a closure that this event brought about. */
  readonly closedMs?: number;
}

type Bare<E = InterlockEvent> = E extends InterlockEvent ? Omit<E, "atMs"> : never;
export type LoopEvent = Bare;

interface Queued {
  readonly event: LoopEvent;
  readonly resolve: (applied: Applied | undefined) => void;
  readonly reject: (error: unknown) => void;
}

type Decided = Pick<Applied, "event" | "before" | "records">;

/** SAFETY R2: the longest a contact stays closed without the loop's word. */
export const PERMIT_MS = 500;
export const TICK_MS = 150;
const COMMIT_MS = 250;
/** The holder answers within 250 ms or its driver rejects; this bounds a driver that does neither. */
const RELAY_MS = 400;
const REOPEN_EVERY_MS = 1_000;
/** A loop that comes later than this to what was due does not count as alive (SAFETY R9). */
const MOST_LAG_MS = 250;
const ALL_INACTIVE: Permit = { relay: "open", runOn: false, stop: false };

/**
 * The loop around the interlock, the only place with effects on the machine: one event at a time; it opens
 * before it writes, and writes before it closes.
 */
export class Loop {
  readonly #deps: AgentDeps;
  readonly #hooks: LoopHooks;
  readonly #queue: Queued[] = [];
  #isTaking = false;
  #state: InterlockState = STARTING;
  #remembered: InterlockState = STARTING;
  #runOn: RunOn = RUN_ON_OFF;
  /** What the relay's holder was told last. */
  #told: Permit = ALL_INACTIVE;
  #cancelTick: (() => void) | undefined;
  #tickDueMs = Number.POSITIVE_INFINITY;
  #ended = false;
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
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, resolve, reject });
      if (this.#isTaking) return;
      this.#isTaking = true;
      queueMicrotask(() => void this.#takeAll());
    });
  }

  startTicking(): void {
    this.#tickDueMs = this.#nowMs() + TICK_MS;
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

  async #takeAll(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      if (this.#ended) {
        next.resolve(undefined);
        continue;
      }
      const taken = [next];
      try {
        await this.#take(next, taken);
      } catch (error) {
        this.fail(error);
        for (const { reject } of taken) reject(error);
      }
    }
    this.#isTaking = false;
  }

  /** `taken` grows by what is dealt with together with the first one. */
  async #take(first: Queued, taken: Queued[]): Promise<void> {
    const isPrompt = this.#nowMs() - this.#tickDueMs < MOST_LAG_MS;
    const decided = [await this.#decide(this.#timed(first.event))];
    // SAFETY R2: whatever was told meanwhile, and may open the relay, is heard before it closes.
    while (this.#isAboutToClose()) {
      const queued = this.#queue.shift();
      if (!queued) break;
      taken.push(queued);
      decided.push(await this.#decide(this.#timed(queued.event)));
    }
    const closes = this.#isAboutToClose();
    const failed = await this.#permit();
    const closedMs = closes && !failed ? this.#nowMs() : undefined;
    for (const [place, { event, before, records }] of decided.entries()) {
      const isLast = place === decided.length - 1;
      const applied: Applied = {
        event,
        before,
        after: this.#state,
        records: isLast && failed ? [...records, ...failed.records] : records,
        ...(place === 0 && closedMs !== undefined && { closedMs }),
      };
      this.#hooks.afterStep(applied);
      taken[place]?.resolve(applied);
    }
    if (decided.some(({ event }) => event.kind === "tick")) {
      await this.#lookAfterRelay();
      if (!this.#ended && isResting(this.#state) && isInactive(this.#told)) await this.#hooks.whileUnused();
    }
    if (isPrompt) this.#deps.onProgress?.();
  }

  /** One step with what it needs before its outputs may become active; what becomes inactive does so at once. */
  async #decide(event: InterlockEvent): Promise<Decided> {
    const before = this.#state;
    const policy = this.#hooks.policy();
    const { state, records } = step(before, event, policy);
    this.#state = state;
    this.#runOn = stepRunOn(this.#runOn, { wanted: outputsFor(state, policy).runOn, atMs: event.atMs }, policy);
    const wanted = this.#wanted();
    // Never behind disk or network.
    const hasOpened = this.#told.relay === "closed" && wanted.relay === "open" ? await this.#tell(wanted) : true;
    const remembered = this.#hooks.remember(before, state, records).then(() => {
      this.#remembered = state;
    });
    if (!hasOpened) return this.#followedBy({ event, before, records }, this.#relayFailed());
    const session = records.find(({ kind }) => kind === "sessionStarted")?.session;
    if (!session) return { event, before, records };
    // SAFETY R8: no log, no start. The commit may still come; `startAborted` stands behind it then.
    const isLogged = within(COMMIT_MS, remembered, this.#deps.scheduler);
    // SAFETY R2: in a handover the contact is closed already, and nothing that opens it waits for the log.
    if (this.#told.relay === "closed") {
      void isLogged
        .then((logged) => (logged ? undefined : this.submit({ kind: "startNotLogged", session })))
        .catch(ignoreHandled);
      return { event, before, records };
    }
    // What runs on from the use before does so while the log is written.
    if (!isInactive(this.#told) && !(await this.#tell(this.#told))) {
      return this.#followedBy({ event, before, records }, this.#relayFailed());
    }
    if (await isLogged) return { event, before, records };
    return this.#followedBy({ event, before, records }, this.#decide(this.#timed({ kind: "startNotLogged", session })));
  }

  async #followedBy(first: Decided, next: Promise<Decided>): Promise<Decided> {
    return { ...first, records: [...first.records, ...(await next).records] };
  }

  #wanted(): Permit {
    return { ...outputsFor(this.#state, this.#hooks.policy()), runOn: runsOn(this.#runOn) };
  }

  #isAboutToClose(): boolean {
    return !this.#ended && this.#told.relay === "open" && this.#wanted().relay === "closed";
  }

  /** Renews what is wanted active. Resolves with what followed where the holder did not answer. */
  async #permit(): Promise<Decided | undefined> {
    // A defect met elsewhere while this step waited for its commit.
    if (this.#ended || this.#has("RELAY_UNRESPONSIVE")) return undefined;
    const wanted = this.#wanted();
    if (isInactive(wanted) && isInactive(this.#told)) return undefined;
    return (await this.#tell(wanted)) ? undefined : this.#relayFailed();
  }

  async #tell(wanted: Permit): Promise<boolean> {
    this.#told = wanted;
    const { relay, scheduler } = this.#deps;
    const answered = isInactive(wanted) ? relay.open() : relay.permit(PERMIT_MS, wanted);
    if (await within(RELAY_MS, answered, scheduler)) return true;
    this.#told = ALL_INACTIVE;
    this.#reopenAtMs = this.#nowMs() + REOPEN_EVERY_MS;
    return false;
  }

  /** The holder is started anew and opens first: a session whose contact has opened that way is over (SAFETY R2). */
  #relayFailed(): Promise<Decided> {
    return this.#decide(this.#timed({ kind: "faultRaised", fault: "RELAY_UNRESPONSIVE", severity: "openNow" }));
  }

  async #lookAfterRelay(): Promise<void> {
    if (this.#ended || !this.#has("RELAY_UNRESPONSIVE") || this.#nowMs() < this.#reopenAtMs) return;
    this.#reopenAtMs = this.#nowMs() + REOPEN_EVERY_MS;
    if (!(await this.#tell(ALL_INACTIVE))) return;
    void this.submit({ kind: "faultCleared", fault: "RELAY_UNRESPONSIVE" }).catch(ignoreHandled);
  }

  #has(fault: FaultCode): boolean {
    return blocksOf(this.#state).faults.includes(fault);
  }

  #timed(event: LoopEvent): InterlockEvent {
    return { ...event, atMs: this.#nowMs() };
  }

  #nowMs(): number {
    return this.#deps.clock.nowMs();
  }

  /** A bug opens the relay: nothing is decided any more, and no permit is renewed. */
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

function isInactive({ relay, runOn, stop }: Permit): boolean {
  return relay === "open" && !runOn && !stop;
}

function isResting({ kind }: InterlockState): boolean {
  return kind === "idle" || kind === "lockedOut" || kind === "faulted";
}

/** What a submitted event rejects with has been dealt with by the loop itself. */
function ignoreHandled(): void {
  return undefined;
}
