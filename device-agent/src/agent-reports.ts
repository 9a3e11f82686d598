import { signReport } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { within } from "./agent-deps.js";
import { blocksOf } from "./interlock/interlock-state.js";

export const REPORT_EVERY_MS = 60_000;
const COUNT_MS = 1_000;

/**
 * Tells the gateway what this agent has applied and how it stands, signed by its own key (SPEC 4.8), and its own
 * service the same in a line.
 */
export class Reports {
  readonly #context: AgentContext;
  readonly #lastCommand: () => number;
  #number = 0;
  #sending = false;
  #isDue = false;
  #sentMs = Number.NEGATIVE_INFINITY;
  #toldMs = Number.NEGATIVE_INFINITY;
  #toldStanding = "";
  #pending = 0;

  constructor(context: AgentContext, lastCommand: () => number) {
    this.#context = context;
    this.#lastCommand = lastCommand;
  }

  /** Sends a report, after the one under way: a burst of changes makes two, not many. */
  send(): void {
    this.#isDue = true;
    if (!this.#sending) void this.#run();
  }

  tick(nowMs: number): void {
    if (nowMs - this.#sentMs >= REPORT_EVERY_MS) this.send();
    const { deps, loop } = this.#context;
    const standing = [loop.state.kind, deps.trust.clock.state, deps.uplink.connected].join();
    if (nowMs - this.#toldMs < REPORT_EVERY_MS && standing === this.#toldStanding) return;
    [this.#toldMs, this.#toldStanding] = [nowMs, standing];
    void this.#tellHealth();
  }

  /** To whoever looks after this computer, with contact or without. */
  async #tellHealth(): Promise<void> {
    const { deps, loop, guarded } = this.#context;
    const { trust, uplink, onHealth } = deps;
    if (!onHealth) return;
    const pending = await this.#countPending();
    onHealth({
      machine: guarded.id,
      state: loop.state.kind,
      clock: trust.clock.state,
      stalenessMs: trust.clock.freshAt === 0 ? undefined : this.#context.stalenessMs(),
      isConnected: uplink.connected,
      pending,
    });
  }

  async #run(): Promise<void> {
    this.#sending = true;
    const { uplink, log, clock } = this.#context.deps;
    while (this.#isDue && uplink.connected) {
      this.#isDue = false;
      this.#sentMs = clock.nowMs();
      try {
        await uplink.publish("report", await this.#report());
      } catch (error) {
        log.debug({ err: error }, "a report was not delivered: the next one tells the same");
      }
    }
    this.#sending = false;
  }

  async #report(): Promise<Uint8Array> {
    const { deps, loop, head } = this.#context;
    const { trust, clock, agent, signer, software } = deps;
    const pending = await this.#countPending();
    const nowMs = clock.nowMs();
    const { site, applied, heartbeat } = trust.state;
    // What is not durable yet is not told: after a power cut it would not be true (SAFETY R5).
    const state = loop.remembered;
    this.#number += 1;
    return signReport(
      {
        number: this.#number,
        at: trust.now(nowMs),
        clock: trust.clock.state,
        applied,
        heartbeatVersion: heartbeat?.version ?? 0,
        journal: { boot: head.boot, sequence: head.sequence, chain: head.chain, pending },
        faults: blocksOf(state).faults,
        state: state.kind,
        software,
        upMs: Math.floor(this.#context.upMs()),
        lastCommand: this.#lastCommand(),
      },
      site,
      agent,
      signer,
    );
  }

  /** Rows not yet acknowledged; the count of last time where the journal does not answer now. */
  async #countPending(): Promise<number> {
    const { opened, scheduler } = this.#context.deps;
    const counting = opened.journal.pendingCount().then((count) => {
      this.#pending = count;
    });
    await within(COUNT_MS, counting, scheduler);
    return this.#pending;
  }
}
