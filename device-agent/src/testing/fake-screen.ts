import type { Screen, ScreenAction, ScreenView } from "../ports.js";

type Decision = Parameters<Screen["decided"]>[0];

/** A screen that remembers all it was told. */
export class FakeScreen implements Screen {
  readonly views: ScreenView[] = [];
  readonly decisions: Decision[] = [];
  isClosed = false;
  #onAction: (action: ScreenAction) => void = () => undefined;

  start(onAction: (action: ScreenAction) => void): void {
    this.#onAction = onAction;
  }

  /** Somebody presses something on it. */
  act(action: ScreenAction): void {
    this.#onAction(action);
  }

  show(view: ScreenView): void {
    this.views.push(view);
  }

  decided(decision: Decision): void {
    this.decisions.push(decision);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  /** What stands on it: headline, detail and next, as one line. */
  get text(): string {
    const { headline = "", detail = "", next = "" } = this.views.at(-1) ?? {};
    return [headline, detail, next].filter((part) => part !== "").join(" — ");
  }

  /** The code of the newest decision. */
  get code(): string | undefined {
    return this.decisions.at(-1)?.code;
  }
}

export function fakeScreen(): FakeScreen {
  return new FakeScreen();
}
