import type * as agentPackage from "@badgekey/device-agent";
import type { UsageRecord } from "@badgekey/shared";
import { mountDisk, openAgentBench, readCards, setUpAgent } from "./agent-bench.js";
import { AGENT, DATA, PINS } from "./agent-site.js";
import { pause, runCases, until } from "./cases.js";
import { createChip } from "./gpio-sim.js";
import { LineTrace } from "./line-trace.js";
import { agentUnit, failingUnit, relayUnit, reloadUnits, run, showLog } from "./unit.js";
import { WatchedPin } from "./watched-pin.js";

/**
 * In the guest after the power cut, offline: what the agent makes of its disk, and what systemd does for the relay when
 * nobody else is left. `--strict` asserts the time of a quiet machine.
 */
const ALONE = [
  { instance: "lathe-1", driver: "chardev", pin: 17 },
  { instance: "mill-1", driver: "sysfs", pin: 22 },
] as const;
const MOST_HALT_MS = process.argv.includes("--strict") ? 600 : 2500;

const chip = createChip();
const trace = new LineTrace(chip.base);
mountDisk();
const relay = new WatchedPin(PINS.relay, chip, trace);
setUpAgent(chip);
const agent = await agentUnit(chip);
agent.start();
const bench = await openAgentBench();

async function recorded(): Promise<readonly UsageRecord[]> {
  const { decodeUsageRecord, fromHex } = await import("@badgekey/shared");
  const built = new URL("../../../../device-agent/dist/journal/journal.js", import.meta.url);
  const { openJournal } = (await import(built.href)) as typeof agentPackage;
  const site = fromHex(readCards().site);
  const opened = await openJournal({ path: `${DATA}/${AGENT}/journal.db`, site, agent: AGENT, bootFloor: 1 });
  if (opened.salvage) throw new Error(`the journal was damaged: ${JSON.stringify(opened.salvage)}`);
  const rows = await opened.journal.rowsAfter(undefined, 10_000);
  await opened.journal.close();
  return rows.map(({ body }) => decodeUsageRecord(body));
}

async function expectCode(card: Parameters<typeof bench.tap>[0], wanted: string): Promise<void> {
  const code = await bench.tap(card);
  if (code !== wanted) throw new Error(`the card met ${code}, not ${wanted}`);
}

const failed = await runCases([
  {
    name: "R5: after a power cut in mid-use the relay is open and out of service still set, until a steward's card and a fresh tap",
    run: async () => {
      await bench.ready();
      await agent.active();
      await expectCode(bench.trained, "MACHINE_OUT_OF_SERVICE");
      await expectCode(bench.steward, "ACCEPTED");
      relay.expectUnmoved(0);
      await bench.startUse(relay);
    },
  },
  {
    name: "R2, R9: a halted agent leaves the relay open, and systemd puts another in its place",
    run: async (measure) => {
      const halted = agent.mainPid;
      const ms = await relay.openAfter(() => process.kill(halted, "SIGSTOP"));
      measure("openAfterHaltOfAgentMs", ms);
      if (ms > MOST_HALT_MS) throw new Error(`open after ${ms.toFixed(0)} ms, ${MOST_HALT_MS} ms are allowed`);
      await agent.replaced(halted);
      if (relay.level !== 0) throw new Error("the relay is closed again");
      agent.stop();
    },
  },
  {
    name: "R18: the power cut in mid-write lost nothing of the journal, and the use that it ended is told as interrupted",
    run: async (measure) => {
      const records = await recorded();
      const started = records.filter(({ kind }) => kind === "sessionStarted");
      const ended = records.filter(({ kind }) => kind === "sessionEnded");
      const interrupted = ended.filter((record) => [record.code, record.reason].includes("interrupted"));
      measure("records", records.length);
      measure("uses", started.length);
      measure("interrupted", interrupted.length);
      // The other use is the one of the halted agent, whose successor was stopped before it came to its journal.
      if (started.length !== 2 || interrupted.length !== 1)
        throw new Error(JSON.stringify(records.map(({ kind }) => kind)));
    },
  },
  {
    name: "R2: agent and holder killed together with -9, systemd leaves the relay open (chardev and sysfs); so does a stop",
    run: async (measure) => {
      const units = [];
      for (const { instance, driver, pin } of ALONE) {
        const unit = await relayUnit(chip, instance, driver, pin);
        units.push({ unit, driver, alone: new WatchedPin(pin, chip, trace) });
      }
      reloadUnits();
      for (const { unit } of units) unit.start();
      for (const { alone } of units) await alone.closed();
      for (const { unit, driver, alone } of units) {
        const { processes } = unit;
        const ms = await alone.openAfter(() => {
          for (const pid of processes) process.kill(pid, "SIGKILL");
        });
        measure(`openAfterKillOfBoth-${driver}Ms`, ms);
      }
      const [{ unit, alone }, other] = units as [(typeof units)[number], (typeof units)[number]];
      run("systemctl", "stop", "--no-block", other.unit.name);
      // Restart=always, and this program renews from its first moment.
      await alone.closed();
      measure("openAfterStopOfUnitMs", await alone.openAfter(() => unit.stop()));
      if (unit.shown("Result") !== "success") throw new Error(`the unit ended with ${unit.shown("Result")}`);
    },
  },
  {
    name: "R9: an agent that fails five times in five minutes stays stopped, and starts again once somebody has seen to it",
    run: async (measure) => {
      const unit = failingUnit("saw-9");
      reloadUnits();
      const givenUp = (): boolean => unit.shown("ActiveState") === "failed";
      unit.start();
      await until("the boot-loop guard", givenUp, 60_000, 500);
      const [restarts, result] = [Number(unit.shown("NRestarts")), unit.shown("Result")];
      measure("restarts", restarts);
      // Five starts; doctor tells the guard by either.
      if (restarts < 4 || restarts > 5 || !["start-limit-hit", "exit-code"].includes(result)) {
        throw new Error(`it ended with ${result} after ${restarts} restarts`);
      }
      process.stdout.write(`boot-loop guard: ${result}, ${restarts} restarts\n`);
      await pause(1000);
      if (!givenUp()) throw new Error("it was started once more");
      run("systemctl", "reset-failed", unit.name);
      unit.start();
      await until("one more try", () => unit.shown("NRestarts") !== "0", 30_000, 200);
    },
  },
]);
if (failed > 0) await showLog();
process.exit(failed > 0 ? 1 : 0);
