import type { Indicator, Scheduler, Signal } from "../ports.js";
import { type Frame, LAMP_PATTERNS } from "./lamp-pattern.js";
import type { LampName } from "./line.js";

/** Plays each signal's pattern on the machine's lamps. `light` gets what is lit, at most four times a second. */
export function holderIndicator(light: (lamps: readonly LampName[]) => void, scheduler: Scheduler): Indicator {
  let shown: Signal | undefined;
  let cancel = (): void => {};

  const play = (frames: Iterator<Frame, undefined>): void => {
    const { value: frame } = frames.next();
    if (!frame) return;
    light(frame.lit);
    if (Number.isFinite(frame.ms)) cancel = scheduler.after(frame.ms, () => play(frames));
  };
  return {
    show: (signal) => {
      // What is shown already goes on: its rhythm is what people know it by.
      if (signal === shown) return;
      shown = signal;
      cancel();
      play(framesOf(signal));
    },
  };
}

function* framesOf(signal: Signal): Generator<Frame, undefined> {
  const { once, always } = LAMP_PATTERNS[signal];
  yield* once;
  for (;;) yield* always;
}
