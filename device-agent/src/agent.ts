import { type MachinePolicy, type TapCode, type UsageRecord, toHex } from "@badgekey/shared";
import { ClockWatch } from "./agent-clocks.js";
import { Commands } from "./agent-commands.js";
import { Contacts, offeredProblems, withProblems } from "./agent-contacts.js";
import type { AgentContext } from "./agent-context.js";
import { type AgentDeps, type Presentation, cardDialogues, within } from "./agent-deps.js";
import { Field } from "./agent-field.js";
import { CardJobs } from "./agent-jobs.js";
import { JournalWriter } from "./agent-journal.js";
import { type Applied, Loop, type LoopEvent } from "./agent-loop.js";
import { type GuardedMachine, defaultPolicy, guardedMachine } from "./agent-machine.js";
import { type Restored, interruptedEnd, marksOfStep, readMarks, sessionClosed } from "./agent-marks.js";
import { RepeatedFacts, gapRecord } from "./agent-refusals.js";
import { Reports } from "./agent-reports.js";
import { ScreenKeeper } from "./agent-screen.js";
import { StorageWatch } from "./agent-storage.js";
import { Sync } from "./agent-sync.js";
import { DIALOGUE_MS, Taps } from "./agent-tap.js";
import { WiringKeeper } from "./agent-wiring.js";
import type { InterlockRecord } from "./interlock/interlock-event.js";
import { type InterlockState, blocksOf } from "./interlock/interlock-state.js";
import type { JournalHead, MarkChanges, ReaderEvent, UplinkHandlers } from "./ports.js";
import { missingAtSite } from "./tap/missing-at-site.js";
import { policyInForce } from "./tap/mode-in-force.js";
import type { Notice } from "./screen/screen-for.js";

export type { AgentDeps, Presentation } from "./agent-deps.js";

/** The process beside one machine. */
export interface Agent {
  /** Resolves when taps count: marks are in force, the loop runs, and the readers had a moment to show themselves. */
  start(): Promise<void>;
  /** Ends a running session, opens the relay, and closes all ports. */
  stop(): Promise<void>;
  /** Id of the machine it guards; the agent's own as long as no policy tells another. */
  readonly machine: string;
}

const RELAY_MS = 400;
/** A reader that is not there within this is no reason to wait any longer. */
const READERS_MS = 500;
/** For the last records, and for the last of the site state: a stop that hangs is none. */
const STOP_MS = 500;

const MOST_REASON = 200;

/** Puts an agent together. Nothing happens before `start`. */
export function createAgent(deps: AgentDeps): Agent {
  return new MachineAgent(deps);
}

class MachineAgent implements Agent, AgentContext {
  readonly deps: AgentDeps;
  readonly presentation: Presentation;
  readonly loop: Loop;
  readonly field = new Field();
  readonly #startedMs: number;
  readonly #writer: JournalWriter;
  readonly #repeated = new RepeatedFacts();
  readonly #restored: Restored;
  readonly #jobs: CardJobs;
  readonly #taps: Taps;
  readonly #sync: Sync;
  readonly #commands: Commands;
  readonly #reports: Reports;
  readonly #screen = new ScreenKeeper(this);
  readonly #contacts = new Contacts(this);
  readonly #storage = new StorageWatch(this, this.#repeated);
  readonly #wiring: WiringKeeper;
  readonly #clocks: ClockWatch;
  readonly #problems: readonly string[];
  #guarded: GuardedMachine;
  #guardedBy: unknown;
  #lastPolicy: MachinePolicy;
  #onReaderReady: () => void = () => undefined;

  constructor(deps: AgentDeps) {
    this.deps = deps;
    this.presentation = deps.presentation ?? cardDialogues;
    this.#startedMs = deps.clock.nowMs();
    this.#restored = readMarks(deps.opened.marks);
    this.#guarded = guardedMachine(deps.trust.state, deps.agent);
    this.#guardedBy = deps.trust.state.policy;
    this.#lastPolicy = this.#guarded.policy ?? defaultPolicy(this.#guarded.id);
    this.#writer = new JournalWriter({
      journal: deps.opened.journal,
      head: deps.opened.head,
      scheduler: deps.scheduler,
      onFailed: (error) => this.#onJournalFailed(error),
      onDrained: () => this.#onJournalDrained(),
    });
    this.#wiring = new WiringKeeper(this);
    this.#problems = offeredProblems(deps.screen);
    this.loop = new Loop(deps, {
      whileUnused: () => this.#wiring.follow(),
      policy: () => this.policy,
      remember: (before, after, records) => this.#remember(before, after, records),
      afterStep: (applied) => this.#afterStep(applied),
    });
    this.#jobs = new CardJobs(this);
    this.#taps = new Taps(this);
    this.#sync = new Sync(this, {
      releasedAt: this.#restored.releasedAt,
      onChanged: () => this.#reports.send(),
      onDefect: (error) => this.loop.fail(error),
    });
    this.#clocks = new ClockWatch(this, () => this.#sync.askTime());
    this.#commands = new Commands(this, {
      lastNumber: this.#restored.lastCommand,
      isCounterKnown: !deps.opened.salvage?.marksLost && !this.#restored.damaged.includes("command"),
      jobs: this.#jobs,
      onReleased: (at) => this.#sync.onReleased(at),
    });
    this.#reports = new Reports(this, () => this.#commands.lastNumber);
  }

  async start(): Promise<void> {
    const { relay, scheduler, uplink, readers, inputs, screen, opened } = this.deps;
    relay.watch((reason) => this.#onRelayFault(reason));
    const hasOpened = await within(RELAY_MS, relay.open(), scheduler);
    await this.#restore();
    if (!hasOpened) await this.submit({ kind: "faultRaised", fault: "RELAY_UNRESPONSIVE", severity: "openNow" });
    await this.#sync.applySiteState();
    opened.journal.watch((event) => this.#storage.onEvent(event));
    inputs?.start((report) => this.#contacts.onInput(report));
    this.#screen.prepare();
    const settled = this.#readersSettled();
    this.loop.startTicking();
    screen.start?.((action) => this.#contacts.onScreenAction(action));
    uplink.start(this.#uplinkHandlers());
    for (const reader of readers) reader.start((event) => this.#onReaderEvent(event));
    await settled;
  }

  async stop(): Promise<void> {
    const { relay, scheduler, uplink, readers, screen, opened, opener } = this.deps;
    await this.loop.end();
    await Promise.allSettled([within(RELAY_MS, relay.open(), scheduler), ...readers.map((reader) => reader.close())]);
    await within(STOP_MS, this.write([...this.#repeated.flush(), { kind: "agentStopped" }]), scheduler);
    this.#sync.saveClock();
    await within(STOP_MS, this.#sync.saved(), scheduler);
    this.#writer.close();
    const closing = [relay, uplink, screen, opened.journal, ...(opener ? [opener] : [])].map((port) => port.close());
    for (const closed of await Promise.allSettled(closing)) {
      if (closed.status === "rejected") this.deps.log.warn({ err: closed.reason as unknown }, "a part did not close");
    }
  }

  get machine(): string {
    return this.guarded.id;
  }

  get guarded(): GuardedMachine {
    const { policy } = this.deps.trust.state;
    if (policy !== this.#guardedBy) {
      this.#guardedBy = policy;
      this.#guarded = guardedMachine(this.deps.trust.state, this.deps.agent);
      this.#lastPolicy = this.#guarded.policy ?? this.#lastPolicy;
    }
    return this.#guarded;
  }

  /** A machine keeps its rules when a policy that does not name it, or not legibly, arrives in mid-session. */
  get policy(): MachinePolicy {
    const { trust, clock } = this.deps;
    const policy = this.#wiring.asWired(this.guarded.policy ?? this.#lastPolicy);
    return policyInForce(
      withProblems(policy, this.#problems),
      trust.now(clock.nowMs()),
      trust.clock.state,
      () => !this.guarded.policy || this.hindrance !== undefined,
    );
  }

  get hindrance(): TapCode | undefined {
    const { trust, clock } = this.deps;
    const { policy } = this.guarded;
    const now = trust.now(clock.nowMs());
    const facts = { site: trust.state, now, clock: trust.clock.state, stalenessMs: this.stalenessMs() };
    return policy && missingAtSite(facts, policy)[0];
  }

  get head(): JournalHead {
    return this.#writer.head;
  }

  upMs(): number {
    return this.deps.clock.nowMs() - this.#startedMs;
  }

  stalenessMs(): number {
    const { trust, clock } = this.deps;
    return Math.max(0, trust.now(clock.nowMs()) - trust.clock.freshAt);
  }

  submit(event: LoopEvent): Promise<Applied | undefined> {
    // The loop has dealt with its own defects: it has opened the relay and told of them.
    return this.loop.submit(event).catch(() => undefined);
  }

  write(records: readonly InterlockRecord[], marks?: MarkChanges): Promise<void> {
    return this.#writer.write(
      records.map((record) => this.#stamp(record)),
      marks,
    );
  }

  noteRepeated(key: string, record: InterlockRecord): void {
    void this.write(this.#repeated.note(key, record, this.deps.clock.nowMs()));
  }

  notify(notice: Notice | undefined, forMs?: number): void {
    this.#screen.notify(notice, forMs);
  }

  async dialogue<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const budget = new AbortController();
    const cancel = this.deps.scheduler.after(DIALOGUE_MS, () => budget.abort());
    try {
      return await this.#screen.whileReading(run(budget.signal));
    } finally {
      cancel();
    }
  }

  /** SAFETY R5: lockout and latched faults come back, the session of the last run does not. */
  async #restore(): Promise<void> {
    const { opened, software, log } = this.deps;
    const { lockout, faults, session, damaged } = this.#restored;
    const records: InterlockRecord[] = [{ kind: "agentStarted", reason: software }];
    if (session) records.push(interruptedEnd(session));
    const gone = this.deps.damaged ?? [];
    if (opened.salvage) records.push(gapRecord(opened.salvage));
    if (gone.length > 0) records.push({ kind: "gap", reason: `site state: ${gone.join(", ")}`.slice(0, MOST_REASON) });
    void this.write(records, sessionClosed);
    await this.submit({ kind: "started", faults, ...(lockout && { lockout }) });
    if (!opened.salvage?.marksLost && damaged.length === 0) return;
    log.error(
      { damaged, salvage: opened.salvage },
      "marks of the last run are lost: the machine starts out of service",
    );
    await this.submit({ kind: "faultRaised", fault: "STORE_UNREADABLE", severity: "openNow" });
  }

  #readersSettled(): Promise<void> {
    const { scheduler } = this.deps;
    return new Promise((resolve) => {
      const giveUp = scheduler.after(READERS_MS, resolve);
      this.#onReaderReady = () => {
        this.#onReaderReady = () => undefined;
        giveUp();
        resolve();
      };
    });
  }

  #uplinkHandlers(): UplinkHandlers {
    return {
      onObject: (name, bytes) => this.#sync.offer(name, bytes),
      onMessage: (topic, bytes) => {
        switch (topic) {
          case "time-answer":
            return this.#sync.answerTime(bytes);
          case "command":
            return void this.#commands.take(bytes);
          case "acknowledgement":
            return void this.#sync.acknowledge(bytes);
        }
      },
      onConnected: () => {
        this.#sync.askTime();
        this.#reports.send();
      },
      onDisconnected: (reason) => this.deps.log.info({ reason }, "no contact with the gateway: the machine goes on"),
    };
  }

  #onReaderEvent(event: ReaderEvent): void {
    const { log } = this.deps;
    const sight = this.field.see(event);
    switch (sight.kind) {
      case "nothing":
        return;
      case "arrived": {
        const served = this.#jobs.isWaiting ? this.#jobs.serve(sight.card) : this.#taps.take(sight.card);
        served.catch((error: unknown) => this.loop.fail(error));
        return;
      }
      case "found":
        return this.notify({ kind: "takeCardAway" });
      case "left":
        return this.#taps.cardLeft(sight.reader, sight.presentation);
      case "readerBack":
        log.info({ reader: sight.reader }, "a reader is there");
        void this.submit({ kind: "faultCleared", fault: "READER_LOST" });
        this.#taps.readerBack(sight.reader);
        return this.#onReaderReady();
      case "readerGone":
      case "readersGone":
        log.warn(event.kind === "readerLost" ? { reader: event.reader, reason: event.reason } : {}, "a reader is lost");
        this.#taps.readerLeft(sight.reader);
        if (sight.kind === "readerGone") return;
        return void this.submit({ kind: "faultRaised", fault: "READER_LOST", severity: "whenIdle" });
    }
  }

  #remember(before: InterlockState, after: InterlockState, records: readonly InterlockRecord[]): Promise<void> {
    const stamped: UsageRecord[] = [];
    for (const record of records) {
      const repeats = repeatsAs(record);
      if (repeats === undefined) stamped.push(this.#stamp(record));
      else this.noteRepeated(repeats, record);
    }
    const [was, is] = [blocksOf(before), blocksOf(after)];
    const marks = marksOfStep(before, after, stamped);
    if (was.lockout && !is.lockout)
      this.#sync.onReleased(was.lockout.at).forEach((mark, name) => marks.set(name, mark));
    const written = this.#writer.write(stamped, marks);
    if (was.lockout === is.lockout && was.faults.join() === is.faults.join()) return written;
    // Told once it is durable: `remembered` is what a report tells.
    void written.then(() => this.#reports.send());
    return written;
  }

  #stamp(record: InterlockRecord): UsageRecord {
    const { trust, clock } = this.deps;
    const at = trust.now(clock.nowMs());
    return { ...record, at, clock: trust.clock.state, machine: this.machine, upMs: this.upMs() };
  }

  #afterStep(applied: Applied): void {
    const { event, after, records } = applied;
    const ended = records.find(({ kind }) => kind === "sessionEnded");
    // A badge withdrawn between its verdict and its start is found by looking once more.
    if (records.some(({ kind }) => kind === "sessionStarted")) void this.#sync.applySiteState();
    if (ended && after.kind === "idle") this.notify({ kind: "finished", durationMs: ended.durationMs ?? 0 });
    if (records.some(({ kind }) => kind === "startAborted")) this.notify({ kind: "interrupted" });
    this.#contacts.afterStep(applied);
    if (event.kind === "tick") {
      this.#sync.tick(event.atMs);
      this.#clocks.tick(event.atMs);
      this.#reports.tick(event.atMs);
      this.#jobs.expire(event.atMs);
      const due = this.#repeated.due(event.atMs);
      if (due.length > 0) void this.write(due);
    }
    this.#screen.refresh();
  }

  /**
   * SAFETY R2: a holder that hung or died has been replaced by one that opened first; whoever was at the machine is
   * done.
   */
  #onRelayFault(reason: string): void {
    this.deps.log.error({ reason }, "the relay's holder failed");
    void this.submit({ kind: "faultRaised", fault: "RELAY_UNRESPONSIVE", severity: "openNow" });
  }

  #onJournalFailed(error: unknown): void {
    this.deps.log.error({ err: error }, "the journal did not take records: they are kept and tried again");
    if (blocksOf(this.loop.state).faults.includes("JOURNAL_UNAVAILABLE")) return;
    void this.submit({ kind: "faultRaised", fault: "JOURNAL_UNAVAILABLE", severity: "whenIdle" });
  }

  #onJournalDrained(): void {
    if (!blocksOf(this.loop.state).faults.includes("JOURNAL_UNAVAILABLE")) return;
    void this.submit({ kind: "faultCleared", fault: "JOURNAL_UNAVAILABLE" });
  }
}

/** The key of a fact that people can make as often as they like; undefined for what is never merged (SAFETY R19). */
function repeatsAs({ kind, code = "", reason = "", badge }: InterlockRecord): string | undefined {
  if (kind === "tapRefused") return `${code} ${badge ? toHex(badge) : ""}`;
  return kind === "problemReported" ? `problem ${reason}` : undefined;
}
