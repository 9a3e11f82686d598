import { runFuzz } from "./run-fuzz.js";

/** One core's share of the run. */
process.once("message", (order: { perTarget: number; seed: number; index: number; of: number }) => {
  const result = runFuzz(order.perTarget, order.seed, (line) => console.error(line), order);
  process.send?.(result, () => process.disconnect());
});
