import { readConfig } from "../config.js";
import { type Enrolment, readEnrolment } from "../enrolment/enrolment-file.js";
import { checkDisk, checkJournal, checkLists } from "./check-data.js";
import { checkEnrolment, checkGateway } from "./check-gateway.js";
import { checkReader, checkRelay, type HardwareDeps } from "./check-hardware.js";
import type { CommandIo } from "./command-io.js";
import { type Finding, failed } from "./finding.js";
import { openReader } from "./open-reader.js";
import { RefusedError } from "./refused-error.js";

export interface DoctorOptions {
  readonly config: string;
  readonly json: boolean;
}

export interface DoctorDeps extends Omit<HardwareDeps, "openReader"> {
  /** Id of the user that looks; undefined where the system has none. */
  readonly user: number | undefined;
}

/**
 * `badgekey-agent doctor`: looks at everything the agent needs and says what mends what is wrong. True where nothing
 * failed. Throws a ConfigError: without a configuration there is nothing to look at.
 */
export async function runDoctor(
  { config: file, json }: DoctorOptions,
  io: CommandIo,
  deps: DoctorDeps,
): Promise<boolean> {
  const config = await readConfig(file);
  const hardware = { ...deps, openReader: (reader: Parameters<HardwareDeps["openReader"]>[0]) => openReader(reader) };
  const enrolment = await readEnrolment(config.dataDir).catch((error: unknown) => {
    if (error instanceof RefusedError) return error;
    throw error;
  });
  const readers: Finding[] = [];
  // One after the other: two at once would disturb each other's reader.
  for (const reader of config.readers) readers.push(await checkReader(reader, hardware));
  const findings = [
    ...readers,
    await checkRelay(config.relay, hardware),
    ...(await enrolled(enrolment, file, async (found) => [
      ...checkEnrolment(found, io.wallClock(), file),
      await checkGateway(found, config.gateway ?? found.broker, io.monotonic),
      ...(await checkLists(found, config.dataDir, io.wallClock())),
      await checkJournal(found, config.dataDir, deps.user),
    ])),
    await checkDisk(config.dataDir),
  ];
  const good = findings.every(({ state }) => state !== "failed");
  if (json) io.out(`${JSON.stringify({ agent: config.agent, ok: good, findings })}\n`);
  else for (const finding of findings) io.out(lineOf(finding));
  return good;
}

async function enrolled(
  enrolment: Enrolment | RefusedError | undefined,
  file: string,
  check: (enrolment: Enrolment) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (enrolment instanceof RefusedError) return [failed("enrolment", enrolment.message, enrolment.hint)];
  if (!enrolment) return [failed("enrolment", "not enrolled yet", `badgekey-agent enroll --config ${file}`)];
  return check(enrolment);
}

function lineOf({ check, state, detail, mend }: Finding): string {
  const line = `${state.padEnd(8)} ${check}: ${detail}\n`;
  return mend === undefined ? line : `${line}         mend: ${mend}\n`;
}
