import type { AgentConfig, ReaderConfig } from "../config.js";
import { pcscDriverMissing } from "../hardware/pcsc-launch.js";
import { openRelay } from "../hardware/relay-drivers.js";
import type { HolderRelay } from "../hardware/relay-holder.js";
import { DriverMissingError, type LineConfig } from "../hardware/relay-line.js";
import type { Reader, ReaderEvent, RelayFault, Screen } from "../ports.js";
import { openReader } from "./open-reader.js";
import { RefusedError } from "./refused-error.js";

const AMBIGUOUS = "ambiguous: ";

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

/** A configured reader. Throws a RefusedError where its driver is not installed; `onAmbiguous` as in `watchAmbiguity`. */
export async function openReaderOrRefuse(
  config: ReaderConfig,
  onAmbiguous: (refusal: RefusedError) => void,
): Promise<Reader> {
  const missing = config.driver === "pcsc" ? pcscDriverMissing() : undefined;
  if (missing !== undefined) {
    const [what = missing, mend = "npm ci"] = missing.replace(/^missing: /, "").split("; run: ");
    throw new RefusedError(`the reader driver pcsc cannot be loaded: ${what}`, mend);
  }
  return watchAmbiguity(await openReader(config), onAmbiguous);
}

/**
 * The same reader; `onAmbiguous` is told when, before it was ever ready, more than one device fits. Which one guards the
 * machine must not be left to chance (DESIGN section 5). Later a second device is one lost reader, no reason to end.
 */
export function watchAmbiguity(reader: Reader, onAmbiguous: (refusal: RefusedError) => void): Reader {
  let isDecided = false;
  const judge = (event: ReaderEvent): void => {
    if (isDecided) return;
    isDecided = event.kind === "readerReady";
    if (event.kind !== "readerLost" || !event.reason.startsWith(AMBIGUOUS)) return;
    isDecided = true;
    const hint = "write `name:` under `readers` in the configuration, with what sets the one apart";
    onAmbiguous(new RefusedError(event.reason.slice(AMBIGUOUS.length), hint));
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
