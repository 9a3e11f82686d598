import { spawn } from "node:child_process";
import { once } from "node:events";
import type * as agentPackage from "@badgekey/device-agent";
import { type UsageRecord, decodeUsageRecord, fromHex } from "@badgekey/shared";
import { type AgentBench, mountDisk, openAgentBench, readCards } from "./agent-bench.js";
import { DATA, MACHINES } from "./agent-site.js";
import { pause, runCases } from "./cases.js";
import { createChip } from "./gpio-sim.js";
import { edgesOf, LineTrace } from "./line-trace.js";

/** In the guest after the power cut, offline: what the two agents make of their disk. */
const AGENT = "/opt/badgekey/device-agent/bin/badgekey-agent.mjs";

const chip = createChip();
const trace = new LineTrace(chip.base);
mountDisk();

/** Runs the agent until `look` is done, and reads its journal once it has ended. */
async function withAgent(bench: AgentBench, look: () => Promise<void>): Promise<readonly UsageRecord[]> {
  const config = `/etc/badgekey/${bench.machine}.yaml`;
  const agent = spawn(process.execPath, [AGENT, "run", "--config", config], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(agent, "exit");
  try {
    await bench.ready();
    await look();
  } finally {
    agent.kill("SIGTERM");
    await ended;
  }
  return recordsOf(bench);
}

async function recordsOf({ machine }: AgentBench): Promise<readonly UsageRecord[]> {
  const built = new URL("../../../../device-agent/dist/journal/journal.js", import.meta.url);
  const { openJournal } = (await import(built.href)) as typeof agentPackage;
  const site = fromHex(readCards().site);
  const opened = await openJournal({ path: `${DATA}/${machine}/journal.db`, site, agent: machine, bootFloor: 1 });
  if (opened.salvage) throw new Error(`the journal was damaged: ${JSON.stringify(opened.salvage)}`);
  const rows = await opened.journal.rowsAfter(undefined, 10_000);
  await opened.journal.close();
  return rows.map(({ body }) => decodeUsageRecord(body));
}

const failed = await runCases(
  MACHINES.map((machine) => ({
    name:
      machine === "laser-1"
        ? "R5, R18: after a power cut in the middle of a use the relay is open, the use interrupted, out of service still set"
        : "R5, R18: after a power cut in the middle of a use and of a journal's write only a fresh tap closes the relay (sysfs)",
    run: async (measure) => {
      const bench = await openAgentBench(machine, chip);
      const codes: string[] = [];
      const records = await withAgent(bench, async () => {
        await pause(1500);
        const went = edgesOf(trace.events(), bench.pin, 0);
        if (went.length > 0) throw new Error(`the line went ${JSON.stringify(went)}`);
        codes.push(await bench.tap(bench.trained));
        await pause(1000);
        if (chip.level(bench.pin) !== (machine === "laser-1" ? 0 : 1))
          throw new Error(`after the tap: ${codes.join()}`);
      });
      measure("records", records.length);
      const wanted = machine === "laser-1" ? "MACHINE_OUT_OF_SERVICE" : "ACCEPTED";
      if (codes.join() !== wanted) throw new Error(`the trained card met ${codes.join()}, not ${wanted}`);
      const started = records.filter(({ kind }) => kind === "sessionStarted");
      const ended = records.filter(({ kind }) => kind === "sessionEnded");
      const interrupted = ended.filter(({ code, reason }) => [code, reason].includes("interrupted"));
      measure("uses", started.length);
      measure("interrupted", interrupted.length);
      if (started.length !== ended.length) throw new Error(`${started.length} uses began, ${ended.length} ended`);
      if (interrupted.length === 0) throw new Error("no use was closed as interrupted");
    },
  })),
);
process.exit(failed > 0 ? 1 : 0);
