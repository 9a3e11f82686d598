import { checkPin } from "./gpio-pins.js";
import type { HolderRelay, HolderRelayOptions } from "./relay-holder.js";
import type { LineConfig } from "./relay-line.js";

export type RelayConfig = LineConfig;

/**
 * Opens the relay that the config names; nothing is ever chosen in its place. Rejects with a DriverMissingError (hint:
 * the command that mends it) where this machine cannot offer the driver, with an Error for a pin that SAFETY R1 refuses.
 */
export async function openRelay(
  config: RelayConfig,
  options: Pick<HolderRelayOptions, "onFault">,
): Promise<HolderRelay> {
  if (config.driver === "gpio") {
    const pin = checkPin(config.pin, config.activeLow ?? false);
    if (!pin.ok) throw new Error(pin.reason);
  }
  const { holderRelay } = await import("./relay-holder.js");
  return holderRelay({ line: config, onFault: options.onFault });
}
