import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { AGENT, PINS } from "./agent-site.js";
import { pause, until } from "./cases.js";
import type { SimulatedChip } from "./gpio-sim.js";
import type { UserSetup } from "./relay-user.js";

const UNITS = "/etc/systemd/system";
const OWN = "/opt/badgekey";
const SYSFS = "/sys/class/gpio";
/** To ask systemd is a process each time. */
const ASK_EVERY_MS = 500;

export const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: "utf8" });

/** An instance of the project's own unit. */
export class Unit {
  readonly name: string;

  constructor(instance: string) {
    this.name = `badgekey-agent@${instance}`;
  }

  start(): void {
    run("systemctl", "start", "--no-block", this.name);
  }

  stop(): void {
    run("systemctl", "stop", this.name);
  }

  shown(property: string): string {
    return run("systemctl", "show", "--value", "-p", property, this.name).trim();
  }

  get mainPid(): number {
    return Number(this.shown("MainPID"));
  }

  /** All of its processes. */
  get processes(): readonly number[] {
    const group = readFileSync(`/sys/fs/cgroup${this.shown("ControlGroup")}/cgroup.procs`, "utf8");
    return group.trim().split("\n").map(Number);
  }

  async active(): Promise<void> {
    await until(`${this.name} is active`, () => this.shown("ActiveState") === "active", 120_000, ASK_EVERY_MS);
  }

  /** Resolves when systemd has put another process in the place of this one. */
  async replaced(pid: number): Promise<void> {
    await until(`${this.name} has a new process`, () => ![0, pid].includes(this.mainPid), 60_000, ASK_EVERY_MS);
  }
}

/** The whole agent's unit. */
export async function agentUnit(chip: SimulatedChip): Promise<Unit> {
  installUnit(chip.device);
  await exportPins(chip, Object.values(PINS));
  reloadUnits();
  return new Unit(AGENT);
}

/** After the last of the units that are started next. */
export function reloadUnits(): void {
  run("systemctl", "daemon-reload");
}

/** The unit with the relay alone in the place of the agent: it renews from its first moment. */
export async function relayUnit(
  chip: SimulatedChip,
  instance: string,
  driver: "sysfs" | "chardev",
  pin: number,
): Promise<Unit> {
  if (driver === "sysfs") await exportPins(chip, [pin]);
  const setup: UserSetup = {
    relay: { driver, pin },
    wiring: { output: "hold", pulseSeconds: 15, lamps: {}, inputs: {} },
    renews: true,
  };
  // In systemd's double quotes a quote is written with a backslash.
  const argument = `"${JSON.stringify(setup).replaceAll('"', '\\"')}"`;
  const program = `ExecStart=/usr/bin/env node ${OWN}/test/dist/gpio/guest/relay-user.js ${argument}`;
  // It has no configuration that lines-off could read before it starts.
  return changedUnit(instance, ["Type=exec", "WatchdogSec=0", "RestartSec=0", "ExecStartPre=", "ExecStart=", program]);
}

/** The unit with a program in the place of the agent that fails at once, and nothing to wait for in between. */
export function failingUnit(instance: string): Unit {
  const waits = ["RestartSec=0", "RestartSteps=0", "ExecStartPre=", "ExecStopPost="];
  return changedUnit(instance, [...waits, "ExecStart=", "ExecStart=/usr/bin/env false"]);
}

function changedUnit(instance: string, changes: readonly string[]): Unit {
  const folder = `${UNITS}/badgekey-agent@${instance}.service.d`;
  mkdirSync(folder);
  writeFileSync(`${folder}/program.conf`, `${["[Service]", ...changes].join("\n")}\n`);
  writeFileSync(`/etc/badgekey/${instance}.yaml`, "");
  return new Unit(instance);
}

/** The unit, its user and the right to the pins, as deploy/systemd says. */
function installUnit(device: string): void {
  run("systemd-sysusers", `${OWN}/deploy/systemd/badgekey.sysusers.conf`);
  symlinkSync(`${OWN}/device-agent/bin/badgekey-agent.mjs`, "/usr/bin/badgekey-agent");
  writeFileSync(`${UNITS}/badgekey-agent@.service`, readFileSync(`${OWN}/deploy/systemd/badgekey-agent@.service`));
  run("chgrp", "gpio", `/dev/${device}`);
  run("chmod", "660", `/dev/${device}`);
}

/** Makes pins known to sysfs and gives them to the group, as the udev rules do on a Pi: no udev runs here. */
async function exportPins(chip: SimulatedChip, pins: readonly number[]): Promise<void> {
  for (const number of pins.map((pin) => chip.base + pin)) {
    const shown = `${SYSFS}/gpio${number}`;
    writeFileSync(`${SYSFS}/export`, String(number));
    await until(shown, () => existsSync(`${shown}/direction`));
    const folder = realpathSync(shown);
    run("chgrp", "-R", "gpio", folder);
    run("chmod", "-R", "g=u", folder);
  }
}

/** Prints what systemd and the agents said, for whoever reads on after a failure. */
export async function showLog(): Promise<void> {
  await pause(1000);
  process.stdout.write(run("journalctl", "--no-pager", "-o", "short-monotonic", "-n", "160"));
}
