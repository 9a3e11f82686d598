import type { AgentConfig, ReaderConfig } from "../config.js";
import { pcscDriverMissing } from "../hardware/pcsc-launch.js";
import { openRelay } from "../hardware/relay-drivers.js";
import type { HolderRelay } from "../hardware/relay-holder.js";
import { DriverMissingError, type LineConfig } from "../hardware/relay-line.js";
import type { Reader, ReaderEvent, RelayFault, Screen } from "../ports.js";
import { openReader } from "./open-reader.js";
import { RefusedError } from "./refused-error.js";

/** One line for each driver that only plays its device; nobody shall take a bench for a machine. */
export function simulatedDrivers({ readers, relay, screen }: AgentConfig): readonly string[] {
  return [
    ...readers.flatMap((reader) => (reader.driver === "simulated" ? ["SIMULATED READER: no real card is read"] : [])),
    ...(relay.driver === "simulated" ? ["SIMULATED RELAY: no real machine is switched"] : []),
    ...(screen ? ["SIMULATED SCREEN: shown on the bench only"] : []),
  ];
}

/**
 * The configured relay, open. Throws a RefusedError with the command that mends it where its driver is not there: nothing
 * is ever taken in its place.
 */
export async function openRelayOrRefuse(
  config: AgentConfig["relay"],
  onFault: (fault: RelayFault, reason: string) => void,
): Promise<HolderRelay> {
  try {
    return await openRelay(lineOf(config), { onFault });
  } catch (cause) {
    if (cause instanceof DriverMissingError) throw new RefusedError(cause.message, cause.hint, { cause });
    const { message } = cause as Error;
    throw new RefusedError(`the relay cannot be opened: ${message}`, "badgekey-agent doctor says more", { cause });
  }
}

function lineOf(relay: AgentConfig["relay"]): LineConfig {
  if (relay.driver === "simulated") {
    return relay.socket === undefined ? { driver: "simulated" } : { driver: "simulated", socket: relay.socket };
  }
  const { driver, pin, activeLow, chipLabel, base } = relay;
  return {
    driver,
    pin,
    ...(activeLow !== undefined && { activeLow }),
    ...(chipLabel !== undefined && { chipLabel }),
    ...(base !== undefined && { base }),
  };
}

/**
 * A configured reader. Throws a RefusedError where its driver is not installed. `onAmbiguous` is told when, before the
 * reader was ever ready, more than one device fits: which one guards the machine must not be left to chance.
 */
export async function openReaderOrRefuse(
  config: ReaderConfig,
  onAmbiguous: (refusal: RefusedError) => void,
): Promise<Reader> {
  const missing = config.driver === "pcsc" ? pcscDriverMissing() : undefined;
  if (missing !== undefined) {
    const [what = missing, mend = "npm ci"] = missing.replace(/^missing: /, "").split("; run: ");
    throw new RefusedError(`the reader driver pcsc cannot be loaded: ${what}`, mend);
  }
  const reader = await openReader(config);
  let isDecided = false;
  const judge = (event: ReaderEvent): void => {
    if (isDecided) return;
    isDecided = event.kind === "readerReady";
    if (event.kind !== "readerLost" || !event.reason.startsWith("ambiguous: ")) return;
    isDecided = true;
    const hint = "write `name:` under `readers` in the configuration, as the names above differ";
    onAmbiguous(new RefusedError(event.reason.slice("ambiguous: ".length), hint));
  };
  return {
    start: (onEvent) =>
      reader.start((event) => {
        judge(event);
        onEvent(event);
      }),
    close: () => reader.close(),
  };
}

export async function openScreen(config: AgentConfig["screen"]): Promise<Screen> {
  if (!config) return (await import("../screen/silent-screen.js")).silentScreen();
  return (await import("../screen/simulated-screen.js")).simulatedScreen({ socket: config.socket });
}
