import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { type AgentBench, mountDisk, openAgentBench } from "./agent-bench.js";
import { DATA, DRIVERS, PINS } from "./agent-site.js";
import { pause, runCases, until } from "./cases.js";
import { createChip } from "./gpio-sim.js";
import { edgesOf, LineTrace, markedAt } from "./line-trace.js";

/**
 * In a guest whose first process is systemd: the whole agent under the project's own unit, on two machines, one for each
 * driver. Ends with both in use, the journal being written and the laser reported broken: the host then cuts the power.
 */
const UNITS = "/etc/systemd/system";
const SOURCES = "/opt/badgekey/deploy/systemd";
const BOUNCE_MS = 1200;
/** To ask systemd is a process each time. */
const ASK_EVERY_MS = 500;
const bars = process.argv.includes("--strict") ? { haltMs: 600 } : { haltMs: 2500 };

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: "utf8" });
const unitOf = (bench: AgentBench): string => `badgekey-agent@${bench.machine}`;
const shown = (bench: AgentBench, property: string): string =>
  run("systemctl", "show", "--value", "-p", property, unitOf(bench)).trim();

function install(device: string): void {
  run("systemd-sysusers", `${SOURCES}/badgekey.sysusers.conf`);
  symlinkSync("/opt/badgekey/device-agent/bin/badgekey-agent.mjs", "/usr/bin/badgekey-agent");
  writeFileSync(`${UNITS}/badgekey-agent@.service`, readFileSync(`${SOURCES}/badgekey-agent@.service`));
  // As the udev rules do on a Pi; no udev runs here, so that pins exported later stay root's: the sysfs agent runs as root.
  run("chgrp", "gpio", `/dev/${device}`);
  run("chmod", "660", `/dev/${device}`);
  mkdirSync(`${UNITS}/badgekey-agent@saw-1.service.d`);
  writeFileSync(`${UNITS}/badgekey-agent@saw-1.service.d/root.conf`, "[Service]\nUser=root\nGroup=root\n");
  run("systemctl", "daemon-reload");
}

const chip = createChip();
const trace = new LineTrace(chip.base);
mountDisk();
install(chip.device);
const laser = await openAgentBench("laser-1", chip);
const saw = await openAgentBench("saw-1", chip);
const both = [laser, saw];

const edges = (bench: AgentBench) => edgesOf(trace.events(), bench.pin, 0);
/** The agent's processes, its own first. */
function processesOf(bench: AgentBench): readonly number[] {
  const main = Number(shown(bench, "MainPID"));
  const group = readFileSync(`/sys/fs/cgroup${shown(bench, "ControlGroup")}/cgroup.procs`, "utf8");
  const all = group.trim().split("\n").map(Number);
  return [main, ...all.filter((pid) => pid !== main)];
}
async function active(...benches: readonly AgentBench[]): Promise<void> {
  for (const bench of benches) {
    await until(`${unitOf(bench)} is active`, () => shown(bench, "ActiveState") === "active", 120_000, ASK_EVERY_MS);
    await bench.ready();
  }
}
async function startUse(bench: AgentBench): Promise<void> {
  await pause(BOUNCE_MS);
  const code = await bench.tap(bench.trained);
  if (code !== "ACCEPTED") throw new Error(`the trained card was refused at ${bench.machine}: ${code}`);
  await until(`the closed relay of ${bench.machine}`, () => chip.level(bench.pin) === 1);
}
async function openAfter(bench: AgentBench, mark: string): Promise<number> {
  await until(`the open relay of ${bench.machine} after ${mark}`, () => chip.level(bench.pin) === 0, 45_000);
  const events = trace.events();
  const markUs = markedAt(events, mark);
  const fall = edgesOf(events, bench.pin, 0, 1).find(({ us, level }) => us >= markUs && level === 0);
  if (!fall) throw new Error(`the trace shows no opening of ${bench.machine} after ${mark}`);
  return (fall.us - markUs) / 1000;
}
function within(what: string, ms: number, most: number): void {
  if (ms > most) throw new Error(`${what}: ${ms.toFixed(0)} ms, at most ${most} ms are allowed`);
}

const failed = await runCases([
  {
    name: "R6: a card that lies in the field at boot counts for nothing, until it is taken away and laid again",
    run: async (measure) => {
      const beganAt = performance.now();
      for (const bench of both) bench.lay(bench.trained);
      run("systemctl", "start", "--no-block", ...both.map(unitOf));
      for (const bench of both) await bench.ready();
      await until(
        "both units are active",
        () => both.every((bench) => shown(bench, "ActiveState") === "active"),
        90_000,
      );
      measure("twoAgentsActiveAfterMs", performance.now() - beganAt);
      await pause(2000);
      for (const bench of both) {
        if (edges(bench).length > 0) throw new Error(`${bench.machine}: the line went ${JSON.stringify(edges(bench))}`);
        bench.take();
      }
      for (const bench of both) await startUse(bench);
    },
  },
  {
    name: "R8: a disk that stands still for 5 s in the middle of a use costs no renewal",
    run: async () => {
      trace.clear();
      run("fsfreeze", "-f", DATA);
      try {
        // Something wants to be written meanwhile.
        laser.lay(laser.strangers[0]!);
        await pause(5000);
      } finally {
        run("fsfreeze", "-u", DATA);
        laser.take();
      }
      await pause(1000);
      for (const bench of both) {
        const went = edgesOf(trace.events(), bench.pin, 0, 1);
        if (went.length > 0) throw new Error(`${bench.machine}: the line went ${JSON.stringify(went)}`);
        if (chip.level(bench.pin) !== 1) throw new Error(`${bench.machine}: the relay is open`);
      }
    },
  },
  {
    name: "R2: agent and holder killed together with -9, systemd leaves the relay open (chardev and sysfs)",
    run: async (measure) => {
      trace.clear();
      for (const bench of both) {
        const processes = processesOf(bench);
        trace.mark(`kill ${bench.machine}`);
        for (const pid of processes) process.kill(pid, "SIGKILL");
      }
      for (const bench of both) {
        measure(`openAfterKillOfBoth-${DRIVERS[bench.machine]}Ms`, await openAfter(bench, `kill ${bench.machine}`));
      }
      // Restart=always: they guard their machines again, and nothing closes a relay but a fresh tap (R5).
      await active(...both);
      await pause(500);
      for (const bench of both) {
        if (chip.level(bench.pin) !== 0) throw new Error(`the relay of ${bench.machine} is closed after the restart`);
      }
      for (const bench of both) await startUse(bench);
    },
  },
  {
    name: "R2, R9: a halted agent leaves the relay open and is replaced (chardev); a normal stop opens the relay (sysfs)",
    run: async (measure) => {
      const [main = 0] = processesOf(laser);
      trace.clear();
      trace.mark("halt");
      process.kill(main, "SIGSTOP");
      const ms = await openAfter(laser, "halt");
      measure("openAfterHaltOfAgentMs", ms);
      within("from the halt to the open relay", ms, bars.haltMs);
      trace.mark("stop");
      run("systemctl", "stop", unitOf(saw));
      measure("openAfterStopOfUnitMs", await openAfter(saw, "stop"));
      if (shown(saw, "Result") !== "success") throw new Error(`the unit ended with ${shown(saw, "Result")}`);
      run("systemctl", "start", "--no-block", unitOf(saw));
      await until(
        "the watchdog's replacement",
        () => ![0, main].includes(Number(shown(laser, "MainPID"))),
        60_000,
        ASK_EVERY_MS,
      );
      await active(...both);
    },
  },
]);

// What the agents and systemd said of it, for whoever reads on.
if (failed > 0) process.stdout.write(run("journalctl", "--no-pager", "-o", "cat", "-n", "120"));
if (failed === 0) {
  for (const bench of both) await startUse(bench);
  const { problemButton } = PINS["laser-1"];
  chip.pull(problemButton, "up");
  await pause(1000);
  chip.pull(problemButton, "down");
  await until("the problem on the screen", () => laser.state.screen?.tone !== "enabled", 5000).catch(() => undefined);
  process.stdout.write(`screen: ${JSON.stringify(laser.state.screen)}\n`);
  process.stdout.write("@@cut\n");
  // The journals are written until the power goes.
  for (const index of laser.strangers.keys()) {
    for (const bench of both) process.stdout.write(`${bench.machine}: ${await bench.tap(bench.strangers[index]!)}\n`);
  }
}
process.exit(1);
