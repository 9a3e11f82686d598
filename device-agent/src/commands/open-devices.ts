import type { BaseLogger } from "pino";
import type { AgentConfig, ReaderConfig } from "../config.js";
import { pcscDriverMissing } from "../hardware/pcsc-launch.js";
import { DriverMissingError } from "../hardware/line.js";
import { type MachineLines, openLines } from "../hardware/open-lines.js";
import { rememberLines } from "../hardware/remembered-lines.js";
import type { Reader, ReaderEvent, Scheduler, Screen, Wiring } from "../ports.js";
import type { PageScreenDeps } from "../screen/open-page-screen.js";
import { openReader } from "./open-reader.js";
import { RefusedError } from "./refused-error.js";

const AMBIGUOUS = "ambiguous: ";

/** One line for each driver that only plays its device; nobody shall take a bench for a machine. */
export function simulatedDrivers({ readers, relay, screen }: AgentConfig): readonly string[] {
  return [
    ...readers.flatMap((reader) => (reader.driver === "simulated" ? ["SIMULATED READER: no real card is read"] : [])),
    ...(relay.driver === "simulated" ? ["SIMULATED RELAY: no real machine is switched"] : []),
    ...(screen?.driver === "simulated" ? ["SIMULATED SCREEN: shown on the bench only"] : []),
  ];
}

export interface LinesDeps {
  readonly scheduler: Scheduler;
  /** Of this run of the service, in memory; absent where no service manager made one. */
  readonly runtimeDir?: string | undefined;
  readonly log: Pick<BaseLogger, "warn">;
}

/**
 * The machine's lines, all inactive; `wiring` is the signed policy's, as far as one is known. Throws a RefusedError
 * with the command that mends it where the configured driver is not there: nothing is ever taken in its place. A wiring
 * that contradicts itself is no refusal: the relay then permits nothing, and tells whoever watches it why.
 */
export async function openLinesOrRefuse(
  { relay, dataDir }: Pick<AgentConfig, "relay" | "dataDir">,
  wiring: Wiring | undefined,
  { scheduler, log, runtimeDir }: LinesDeps,
): Promise<MachineLines> {
  try {
    return await openLines(relay, wiring, {
      scheduler,
      onLines: (lines) =>
        rememberLines([...(runtimeDir === undefined ? [] : [runtimeDir]), dataDir], lines).catch((error: unknown) => {
          log.warn({ err: error }, "lines-off will not know the wiring of the machine's policy");
        }),
      onNote: (note) => log.warn({ note }, "a lamp does not work"),
    });
  } catch (cause) {
    if (cause instanceof DriverMissingError) throw new RefusedError(cause.message, cause.hint, { cause });
    const { message } = cause as Error;
    throw new RefusedError(`the relay cannot be opened: ${message}`, "badgekey-agent doctor says more", { cause });
  }
}

/**
 * A configured reader. Throws a RefusedError where its driver is not installed; `onAmbiguous` as in `watchAmbiguity`.
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
  return watchAmbiguity(await openReader(config), onAmbiguous);
}

/**
 * The same reader; `onAmbiguous` is told when, before it was ever ready, more than one device fits. Which one guards
 * the machine must not be left to chance. Later a second device is one lost reader, no reason to
 * end.
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
    show: (signal) => reader.show?.(signal),
    close: () => reader.close(),
  };
}

/**
 * The configured screen; none where none is. Trouble with it is told to the log, and never keeps the machine from
 * working.
 */
export async function openScreen(config: AgentConfig["screen"], deps: PageScreenDeps): Promise<Screen> {
  if (!config) return (await import("../screen/silent-screen.js")).silentScreen();
  switch (config.driver) {
    case "page":
      return (await import("../screen/open-page-screen.js")).openPageScreen(config, deps);
    case "simulated":
      return (await import("../screen/simulated-screen.js")).simulatedScreen({ socket: config.socket });
  }
}
