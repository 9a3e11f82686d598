import type { Indicator, Inputs, Scheduler, Wiring } from "../ports.js";
import { holderIndicator } from "./holder-indicator.js";
import { DriverMissingError, type LinesConfig } from "./line.js";
import { linesOf, type RelayConfig } from "./lines-of.js";
import { type HolderRelay, holderRelay } from "./relay-holder.js";

export interface OpenLinesOptions {
  /** For the lamps' rhythms. */
  readonly scheduler: Scheduler;
  /** Told before a holder of these lines is started, for whoever must open them when everything died; never rejects. */
  readonly onLines?: (lines: LinesConfig) => Promise<void>;
  /** What does not work and matters to nobody's safety, such as a lamp. */
  readonly onNote?: (note: string) => void;
}

export interface MachineLines {
  readonly relay: HolderRelay;
  readonly inputs: Inputs;
  readonly indicator: Indicator;
}

/**
 * The machine's lines, all by one holder process: inactive, and nothing ever chosen in the place of the configured
 * driver. `wiring` is that of the machine's signed policy, as far as one is known. What is wrong with it is no
 * rejection: the relay then refuses every permit, and whoever watches it is told why. Rejects with a DriverMissingError
 * (hint: the command that mends it) where this machine cannot offer the driver, with an Error where the configuration
 * alone does not do.
 */
export async function openLines(
  config: RelayConfig,
  wiring: Wiring | undefined,
  { scheduler, onLines, onNote }: OpenLinesOptions,
): Promise<MachineLines> {
  const own = linesOf(config);
  if (!own.ok) throw new Error(own.problem);
  const wanted = linesOf(config, wiring);
  const { relay, failure } = await holderRelay({
    lines: wanted.ok ? wanted.lines : own.lines,
    linesFor: (other) => linesOf(config, other),
    ...(onLines && { onLines }),
    ...(onNote && { onNote }),
    ...(!wanted.ok && { refusal: wanted.problem }),
  });
  // A pin that the policy names may be taken now and free later; what the configuration names is refused at once.
  if (failure && (!wiring || failure instanceof DriverMissingError)) {
    await relay.close();
    throw failure;
  }
  return { relay, inputs: relay.inputs, indicator: holderIndicator((lamps) => relay.light(lamps), scheduler) };
}
