import { DAY_MS } from "@badgekey/shared";
import type { AgentContext } from "./agent-context.js";
import { type Messages, english } from "./screen/messages/messages.js";
import { type Notice, type ScreenContext, screenFor } from "./screen/screen-for.js";
import { whenIn } from "./screen/wall-time.js";

const NOTICE_MS = 6_000;

/** Keeps the machine's screen at what the state, or a notice of the last seconds, says; shows nothing twice. */
export class ScreenKeeper {
  readonly #context: AgentContext;
  #notice: { readonly notice: Notice; readonly untilMs: number } | undefined;
  #readings = 0;
  #shown = "";

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /**
   * Tells a time in every language, to nobody: the tables for it take 20 ms to load, ten times that on a small Pi, and
   * nothing may take so long in the middle of a use (SAFETY R8).
   */
  prepare(): void {
    const { timeZone, now } = this.#place();
    for (const messages of this.#languages()) whenIn({ timeZone, messages }, now + DAY_MS, now);
  }

  /** Shows something for a few seconds in place of the state, or the state at once. */
  notify(notice: Notice | undefined, forMs = NOTICE_MS): void {
    this.#notice = notice && { notice, untilMs: this.#context.deps.clock.nowMs() + forMs };
    this.refresh();
  }

  /**
   * Shows that a card is being read for as long as `work` takes; what stood there comes back where nothing new is told.
   */
  async whileReading<T>(work: Promise<T>): Promise<T> {
    this.#readings += 1;
    this.refresh();
    try {
      return await work;
    } finally {
      this.#readings -= 1;
    }
  }

  refresh(): void {
    const { deps, loop, guarded } = this.#context;
    const { trust, clock, screen } = deps;
    const nowMs = clock.nowMs();
    if (this.#notice && nowMs >= this.#notice.untilMs) this.#notice = undefined;
    const context: Omit<ScreenContext, "messages"> = {
      policy: guarded.policy,
      ...this.#place(),
      nowMs,
      clock: trust.clock.state,
      stalenessMs: this.#context.stalenessMs(),
      hindrance: this.#context.hindrance,
      notice: this.#notice?.notice,
      isReading: this.#readings > 0 && !isForStaff(this.#notice?.notice),
    };
    const [own, ...others] = this.#languages();
    const view = screenFor(loop.state, { ...context, messages: own });
    const translated = others.map((messages) => screenFor(loop.state, { ...context, messages }));
    const text = JSON.stringify([view, translated]);
    if (text !== this.#shown) {
      this.#shown = text;
      screen.show(view, translated);
      deps.indicator?.show(view.tone);
      for (const reader of deps.readers) reader.show?.(view.tone);
    }
    screen.confirm?.();
  }

  #place(): Pick<ScreenContext, "timeZone" | "now"> {
    const { trust, clock } = this.#context.deps;
    return { timeZone: trust.state.policy?.timeZone ?? "UTC", now: trust.now(clock.nowMs()) };
  }

  #languages(): readonly [Messages, ...Messages[]] {
    return this.#context.deps.screen.languages ?? [english];
  }
}

/** A card that staff write says by itself that it must be held still. */
function isForStaff(notice: Notice | undefined): boolean {
  return notice?.kind === "waitsForCard" || notice?.kind === "cardAgain";
}
