import { runCases } from "./cases.js";
import { createChip } from "./gpio-sim.js";
import { LineTrace } from "./line-trace.js";
import { relayCases } from "./relay-cases.js";

/** In the guest: the relay's cases by both drivers. `--strict` asserts the times of a quiet machine. */
const DEADLINE_MS = 500;
const bars = process.argv.includes("--strict")
  ? { killMs: 500, haltMs: DEADLINE_MS + 100 }
  : { killMs: 5 * DEADLINE_MS, haltMs: 5 * DEADLINE_MS };

const chip = createChip();
const trace = new LineTrace(chip.base);
const cases = (["sysfs", "chardev"] as const).flatMap((driver) => relayCases({ driver, chip, trace, bars }));
process.exitCode = (await runCases(cases)) > 0 ? 1 : 0;
