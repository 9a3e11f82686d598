import type { AgentContext } from "./agent-context.js";
import { type Notice, screenFor } from "./screen/screen-for.js";

const NOTICE_MS = 6_000;

/** Keeps the machine's screen at what the state, or a notice of the last seconds, says; shows nothing twice. */
export class ScreenKeeper {
  readonly #context: AgentContext;
  #notice: { readonly notice: Notice; readonly untilMs: number } | undefined;
  #shown = "";

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** Shows something for a few seconds in place of the state, or the state at once. */
  notify(notice: Notice | undefined, forMs = NOTICE_MS): void {
    this.#notice = notice && { notice, untilMs: this.#context.deps.clock.nowMs() + forMs };
    this.refresh();
  }

  refresh(): void {
    const { deps, loop, guarded } = this.#context;
    const { trust, clock, screen } = deps;
    const nowMs = clock.nowMs();
    if (this.#notice && nowMs >= this.#notice.untilMs) this.#notice = undefined;
    const view = screenFor(loop.state, {
      policy: guarded.policy,
      timeZone: trust.state.policy?.timeZone ?? "UTC",
      now: trust.now(nowMs),
      nowMs,
      clock: trust.clock.state,
      stalenessMs: this.#context.stalenessMs(),
      notice: this.#notice?.notice,
    });
    const text = JSON.stringify(view);
    if (text === this.#shown) return;
    this.#shown = text;
    screen.show(view);
    deps.indicator?.show(view.tone);
  }
}
