import type { ReaderConfig } from "../config.js";
import type { Reader, Wiring } from "../ports.js";

/** Where the configuration leaves it open which reader it is, the machine's signed wiring says so. */
export function namedBy(wiring: Wiring | undefined, config: ReaderConfig): ReaderConfig {
  if (config.driver !== "pcsc" || config.name !== undefined || wiring?.reader === undefined) return config;
  return { ...config, name: wiring.reader };
}

/** The reader that the configuration names; drivers are loaded when asked for, and nothing is chosen in their place. */
export async function openReader(config: ReaderConfig): Promise<Reader> {
  switch (config.driver) {
    case "pcsc": {
      const { pcscReader } = await import("../hardware/pcsc-reader.js");
      return pcscReader(config.name === undefined ? {} : { name: config.name });
    }
    case "simulated": {
      const { simulatedReader } = await import("../hardware/simulated-reader.js");
      return simulatedReader({ socket: config.socket });
    }
  }
}
