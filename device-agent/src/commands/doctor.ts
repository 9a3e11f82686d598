import { guardedMachine } from "../agent-machine.js";
import { type AgentConfig, readConfig } from "../config.js";
import { type Enrolment, readEnrolment } from "../enrolment/enrolment-file.js";
import { checkCard } from "./check-card.js";
import { checkDisk, checkLists, type LoadedLists, loadLists } from "./check-data.js";
import { checkEnrolment, checkGateway } from "./check-gateway.js";
import { checkJournal, isAgentRunning } from "./check-journal.js";
import { checkLines } from "./check-lines.js";
import { checkReader } from "./check-reader.js";
import { checkScreen } from "./check-screen.js";
import { checkClock, checkKernel, checkUnit, unitOf } from "./check-system.js";
import type { CommandIo } from "./command-io.js";
import { type DoctorProbes, doctorProbes } from "./doctor-probes.js";
import { type Finding, failed } from "./finding.js";
import { namedBy } from "./open-reader.js";
import { RefusedError } from "./refused-error.js";

export interface DoctorOptions {
  readonly config: string;
  readonly json: boolean;
  /** Waits for a card on the reader. */
  readonly card?: boolean;
}

/**
 * `badgekey-agent doctor`: looks at everything the agent needs and says what mends what is wrong. True where nothing
 * failed. A check that itself breaks down is a finding like any other. Throws a ConfigError: without a configuration
 * there is nothing to look at.
 */
export async function runDoctor(
  { config: file, json, card = false }: DoctorOptions,
  io: CommandIo,
  probes: DoctorProbes = doctorProbes(),
): Promise<boolean> {
  const config = await readConfig(file);
  const findings = [...(await look(config, file, { io, probes, card }))];
  const good = findings.every(({ state }) => state !== "failed");
  if (json) io.out(`${JSON.stringify({ agent: config.agent, ok: good, findings })}\n`);
  else for (const finding of findings) io.out(lineOf(finding));
  return good;
}

interface Looking {
  readonly io: CommandIo;
  readonly probes: DoctorProbes;
  readonly card: boolean;
}

async function look(config: AgentConfig, file: string, { io, probes, card }: Looking): Promise<readonly Finding[]> {
  const now = io.wallClock();
  const isRunning = await isAgentRunning(config.dataDir, probes);
  const enrolment = await readEnrolment(config.dataDir).catch((error: unknown) => {
    if (error instanceof RefusedError) return error;
    throw error;
  });
  const isEnrolled = enrolment !== undefined && !(enrolment instanceof RefusedError);
  const lists = isEnrolled ? await loadLists(enrolment, config.dataDir) : undefined;
  const held = typeof lists === "object" ? lists : undefined;
  const policy = held && guardedMachine(held.client.state, config.agent).policy;
  const findings: Finding[] = [];
  // One after the other: two at once would disturb each other's reader.
  const check = async (name: string, run: () => readonly Finding[] | Promise<readonly Finding[]>): Promise<void> => {
    findings.push(...(await attempt(name, run)));
  };
  const readers = config.readers.map((reader) => namedBy(policy?.wiring, reader));
  for (const reader of readers) await check("reader", () => checkReader(reader, probes));
  if (card) await check("card", () => cardTest(readers, file, { io, probes, lists: held, isRunning }));
  await check("relay", () => checkLines(config.relay, policy?.wiring, probes));
  const usesPcsc = config.readers.some(({ driver }) => driver === "pcsc");
  await check("kernel", () => checkKernel({ usesPcsc, usesPins: config.relay.driver !== "simulated" }, probes));
  await check("service", () => checkUnit(file, probes));
  await check("screen", () => checkScreen(config.screen, isRunning));
  await check("clock", async () => [
    await checkClock({ now, floorAt: held?.client.now(0) ?? 0, untrustedClock: policy?.untrustedClock }, probes),
  ]);
  if (isEnrolled) {
    await check("enrolment", () => checkEnrolment(enrolment, now, file));
    await check("gateway", async () => [
      await checkGateway(enrolment, config.gateway ?? enrolment.broker, { monotonic: io.monotonic, now }),
    ]);
    await check("lists", () => listsFindings(lists, now));
    await check("journal", () => checkJournal(enrolment, config.dataDir, probes));
  } else findings.push(notEnrolled(enrolment, file));
  await check("disk", async () => [await checkDisk(config.dataDir)]);
  return findings;
}

async function attempt(name: string, run: () => readonly Finding[] | Promise<readonly Finding[]>) {
  try {
    return await run();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [
      failed(name, `could not be looked at: ${detail}`, "run doctor as the agent's user: sudo -u badgekey-agent …"),
    ];
  }
}

function listsFindings(lists: LoadedLists | string | undefined, now: number): readonly Finding[] {
  if (typeof lists === "object") return checkLists(lists, now);
  return [failed("lists", `the enrolled root is refused: ${lists ?? ""}`, "enrol anew, with --replace")];
}

function notEnrolled(why: Enrolment | RefusedError | undefined, file: string): Finding {
  if (why instanceof RefusedError) return failed("enrolment", why.message, why.hint);
  return failed("enrolment", "not enrolled yet", `badgekey-agent enroll --config ${file}`);
}

interface CardTestParts {
  readonly io: CommandIo;
  readonly probes: DoctorProbes;
  readonly lists: LoadedLists | undefined;
  readonly isRunning: boolean;
}

async function cardTest(
  [reader]: AgentConfig["readers"],
  file: string,
  { io, probes, lists, isRunning }: CardTestParts,
): Promise<readonly Finding[]> {
  if (!reader) return [];
  if (isRunning) {
    const detail = "the agent runs and would take the card as a tap at its machine";
    return [failed("card", detail, `sudo systemctl stop ${unitOf(file)}, and start it again afterwards`)];
  }
  const onAsk = (what: string): void => io.err(`badgekey-agent: ${what}\n`);
  const site = lists && { site: lists.client.state };
  return [await checkCard(reader, probes, { ...site, now: io.wallClock(), onAsk })];
}

function lineOf({ check, state, detail, mend }: Finding): string {
  const line = `${state.padEnd(8)} ${check}: ${detail}\n`;
  return mend === undefined ? line : `${line}         mend: ${mend}\n`;
}
