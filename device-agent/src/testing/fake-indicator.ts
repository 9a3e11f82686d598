import type { Indicator, Signal } from "../ports.js";

/** Keeps what lamps and buzzer were told to say; the newest is the last. */
export class FakeIndicator implements Indicator {
  readonly signals: Signal[] = [];

  show(signal: Signal): void {
    this.signals.push(signal);
  }

  get signal(): Signal | undefined {
    return this.signals.at(-1);
  }
}

export function fakeIndicator(): FakeIndicator {
  return new FakeIndicator();
}
