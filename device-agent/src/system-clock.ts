import { performance } from "node:perf_hooks";
import type { MonotonicClock, Scheduler } from "./ports.js";

/** This process's monotonic clock, with the timers that go by it. */
export function systemClock(): MonotonicClock & Scheduler {
  return {
    nowMs: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
}
