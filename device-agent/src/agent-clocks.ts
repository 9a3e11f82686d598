import { recheckBatteryClock } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";

const LOOK_EVERY_MS = 10_000;
/** As much as a clock may step before it is a step (SAFETY R17). */
const MOST_STEP_MS = 300_000;

/**
 * Looks after this computer's own clocks. No trusted time comes from them but what a battery clock carried over a power
 * cut, and nothing that runs ends by what they do (SAFETY R16, R17): a step is recorded, and the time is asked for.
 */
export class ClockWatch {
  readonly #context: AgentContext;
  readonly #askTime: () => void;
  /** What the system's clock said when monotonic time was 0, as it was last seen. */
  #systemZeroAt: number | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(context: AgentContext, askTime: () => void) {
    this.#context = context;
    this.#askTime = askTime;
  }

  tick(nowMs: number): void {
    const { wallClock } = this.#context.deps;
    if (!wallClock || nowMs - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = nowMs;
    this.#lookAtSystem(wallClock.systemAt() - nowMs);
    if (this.#context.deps.trust.clock.state !== "holdover") return;
    void wallClock.batteryAt().then((batteryAt) => this.#recheck(batteryAt));
  }

  #lookAtSystem(zeroAt: number): void {
    const before = this.#systemZeroAt;
    this.#systemZeroAt = zeroAt;
    const stepMs = before === undefined ? 0 : zeroAt - before;
    if (Math.abs(stepMs) <= MOST_STEP_MS) return;
    this.#tell("system", stepMs);
  }

  #recheck(batteryAt: number | undefined): void {
    const { trust, clock } = this.#context.deps;
    const nowMs = clock.nowMs();
    const after = recheckBatteryClock(trust.clock, batteryAt, nowMs);
    if (after === trust.clock) return;
    trust.setClock(after);
    this.#tell("battery", batteryAt === undefined ? 0 : batteryAt - trust.now(nowMs));
  }

  #tell(which: "system" | "battery", stepMs: number): void {
    this.#context.deps.log.warn({ clock: which, stepMs: Math.round(stepMs) }, "a clock of this computer stepped");
    this.#context.noteRepeated(`clock ${which}`, {
      kind: "clockStepped",
      reason: which,
      durationMs: Math.round(Math.abs(stepMs)),
    });
    this.#askTime();
  }
}
