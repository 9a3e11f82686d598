import { randomBytes, signerOf } from "@badgekey/shared";
import type { Logger } from "pino";
import { healthLine } from "../agent-health.js";
import { guardedMachine } from "../agent-machine.js";
import { createAgent } from "../agent.js";
import { type AgentConfig, readConfig } from "../config.js";
import { type Enrolment, readEnrolment } from "../enrolment/enrolment-file.js";
import { threadedListOpener } from "../site-state/threaded-list-opener.js";
import { systemClock } from "../system-clock.js";
import { loadMqttClient, mqttUplink } from "../uplink/mqtt-uplink.js";
import { pumpUsage } from "../uplink/pump-usage.js";
import { openLog } from "./agent-log.js";
import type { CommandIo } from "./command-io.js";
import { readBatteryClock } from "./battery-clock.js";
import { openLinesOrRefuse, openReaderOrRefuse, openScreen, simulatedDrivers } from "./open-devices.js";
import { namedBy } from "./open-reader.js";
import { openJournalOrRefuse, restoreTrust } from "./open-state.js";
import { RefusedError } from "./refused-error.js";
import { type SystemdEnvironment, systemdNotifier } from "./systemd-notify.js";

export interface RunOptions {
  readonly config: string;
}

/** The process that the agent runs in. */
export interface HostProcess {
  readonly env: SystemdEnvironment & { readonly RUNTIME_DIRECTORY?: string | undefined };
  on(event: "SIGTERM" | "SIGINT" | "exit", listener: () => void): unknown;
  exit(code: number): never;
}

/** A stop that takes longer is no clean one: the process ends, and the relay's holder opens. */
const STOP_MS = 1_900;

/**
 * `badgekey-agent run`: joins the agent with its drivers and runs it until a signal. Resolves once it is ready. Throws
 * a ConfigError or RefusedError where it cannot start; the process then ends, which opens the relay.
 */
export async function runAgent({ config: file }: RunOptions, io: CommandIo, host: HostProcess): Promise<void> {
  let stop = (): void => host.exit(0);
  host.on("SIGTERM", () => stop());
  host.on("SIGINT", () => stop());
  const config = await readConfig(file);
  const { log, flush } = openLog(config.log.level, config.agent);
  host.on("exit", () => flush());
  for (const line of simulatedDrivers(config)) io.err(`badgekey-agent: ${line}\n`);
  // Before anything is opened: what cannot be told to systemd would be ended by it in the middle of a use.
  const systemd = systemdNotifier(host.env, log, io.monotonic);
  const enrolment = await enrolmentOf(config, file);
  const ambiguous = deferredRefusal();
  const parts = await openParts(config, enrolment, {
    io,
    log,
    runtimeDir: host.env.RUNTIME_DIRECTORY,
    onAmbiguous: ambiguous.refuse,
  });
  const agent = createAgent({
    ...parts,
    agent: config.agent,
    software: `badgekey-agent ${io.version}`,
    signer: signerOf(enrolment.agentKey),
    random: randomBytes,
    log,
    onProgress: () => systemd.alive(),
    onHealth: (health) => systemd.status(healthLine(health)),
    onDefect: () => host.exit(1),
  });
  let isStopping = false;
  stop = () => {
    if (isStopping) return;
    isStopping = true;
    log.info("stopping");
    systemd.stopping();
    setTimeout(() => host.exit(1), STOP_MS).unref();
    const stopped = agent.stop().then(() => parts.store.settled());
    stopped.then(
      () => host.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "the stop was not clean");
        host.exit(1);
      },
    );
  };
  await Promise.race([agent.start(), ambiguous.refused]);
  io.out(`${JSON.stringify({ event: "ready", agent: config.agent, machine: agent.machine })}\n`);
  systemd.ready();
  log.info({ machine: agent.machine, readyMs: Math.round(io.monotonic()) }, "ready");
}

async function enrolmentOf(config: AgentConfig, file: string): Promise<Enrolment> {
  const enrolment = await readEnrolment(config.dataDir);
  if (!enrolment) {
    throw new RefusedError(
      `agent ${config.agent} is not enrolled`,
      `have an invite made (badgekey agent invite ${config.agent}), then: badgekey-agent enroll --config ${file}`,
    );
  }
  if (enrolment.agent === config.agent) return enrolment;
  throw new RefusedError(
    `${config.dataDir} is enrolled as agent ${enrolment.agent}, and ${file} says agent: ${config.agent}`,
    "correct the file, or name another folder as dataDir and enrol there",
  );
}

interface PartsDeps {
  readonly io: CommandIo;
  readonly log: Logger;
  readonly runtimeDir: string | undefined;
  readonly onAmbiguous: (refusal: RefusedError) => void;
}

/** Everything with a driver or a file behind it. What takes another process or thread starts side by side. */
async function openParts(config: AgentConfig, enrolment: Enrolment, { io, log, runtimeDir, onAmbiguous }: PartsDeps) {
  const clock = systemClock();
  const openState = (async () => {
    const { store, trust, damaged } = await restoreTrust(enrolment, config.dataDir, { clock, log });
    // As the policy that was in force last says; its lines stay inactive until somebody starts a use.
    const wiring = guardedMachine(trust.state, config.agent).policy?.wiring;
    const nowAt = trust.now(clock.nowMs());
    const [lines, opened, ...readers] = await Promise.all([
      openLinesOrRefuse(config, wiring, { scheduler: clock, log, runtimeDir }),
      openJournalOrRefuse(enrolment, config.dataDir, { nowAt, log }),
      ...config.readers.map((reader) => openReaderOrRefuse(namedBy(wiring, reader), onAmbiguous)),
    ]);
    return { store, trust, damaged, opened, readers, ...lines, ...(wiring && { wiring }) };
  })();
  const [{ store, trust, ...rest }, screen] = await Promise.all([
    openState,
    openScreen(config.screen, { clock, log }),
    // Not later: its files are read synchronously, and later the loop runs (SAFETY R8).
    loadMqttClient(),
  ]);
  const { broker, tls, site } = enrolment;
  const pipe = mqttUplink({
    ...(config.gateway ?? broker),
    serverName: broker.host,
    tls,
    agent: config.agent,
    site,
    random: Math.random,
    log,
  });
  return {
    clock,
    scheduler: clock,
    wallClock: { systemAt: io.wallClock, batteryAt: () => readBatteryClock() },
    store,
    trust,
    opener: threadedListOpener({ agent: config.agent, scheduler: clock }),
    screen,
    ...rest,
    ...pumpUsage(rest.opened, pipe, { log }),
  };
}

/** A refusal that may come at any time until the agent is ready. */
function deferredRefusal(): { readonly refused: Promise<never>; readonly refuse: (error: RefusedError) => void } {
  let refuse: (error: RefusedError) => void = () => undefined;
  const refused = new Promise<never>((_resolve, reject) => {
    refuse = reject;
  });
  return { refused, refuse: (error) => refuse(error) };
}
