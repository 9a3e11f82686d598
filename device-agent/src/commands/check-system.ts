import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { CLOCK_NOT_CONFIRMED } from "../agent-health.js";
import { readBatteryClock } from "./battery-clock.js";
import type { DoctorProbes } from "./doctor-probes.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const INSTALL = "install it: deploy/systemd/README.md";
const MUCH_RESTARTED = 3;
/** StartLimitBurst of the unit. */
const STARTS_ALLOWED = 5;
const SHIPPED_UNIT = fileURLToPath(new URL("../../../deploy/systemd/badgekey-agent@.service", import.meta.url));
const NO_NFC_MODULES =
  "sudo install -Dm644 deploy/systemd/badgekey-nfc.modprobe.conf /etc/modprobe.d/badgekey-nfc.conf && sudo modprobe -r pn533_usb pn533 && sudo systemctl restart pcscd";
const STRICT_GPIOD = "echo dtparam=strict_gpiod | sudo tee -a /boot/firmware/config.txt && sudo reboot";
/** Where the pins' drivers keep whether an output outlives its program. */
const PERSISTENCE = ["pinctrl_bcm2835", "pinctrl_rp1"].map(
  (module) => `/sys/module/${module}/parameters/persist_gpio_outputs`,
);

type SystemProbes = Pick<DoctorProbes, "read" | "run">;

/** Name of the unit that a configuration belongs to. */
export function unitOf(file: string): string {
  return `badgekey-agent@${basename(file).replace(/\.ya?ml$/, "")}.service`;
}

/** The service's unit: installed, as shipped, watched, running, not stopped by its boot-loop guard (SAFETY R9). */
export async function checkUnit(file: string, { read, run }: SystemProbes): Promise<readonly Finding[]> {
  const unit = unitOf(file);
  const names =
    "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,UnitFileState,FragmentPath,Type,WatchdogUSec,ExecStopPost,StatusText";
  const said = await run("systemctl", ["show", unit, `--property=${names}`]);
  if (said === undefined)
    return [warning("service", "systemd does not run here: nobody starts the agent again", INSTALL)];
  const facts = new Map(said.split("\n").map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]));
  const fact = (name: string): string => facts.get(name) ?? "";
  if (fact("LoadState") !== "loaded") return [warning("service", `${unit} is not installed`, INSTALL)];
  const findings = [stateOf(unit, fact)];
  if (fact("UnitFileState") !== "enabled" && fact("UnitFileState") !== "enabled-runtime") {
    findings.push(warning("service", "does not start with the computer", `sudo systemctl enable ${unit}`));
  }
  findings.push(watchdogOf(unit, fact));
  if (fact("ActiveState") === "active" && fact("StatusText").includes(CLOCK_NOT_CONFIRMED)) {
    const mend = `bring the gateway into reach, then ask again; else see why: journalctl -u ${unit} -n 50`;
    findings.push(warning("clock", "the running agent's time is not confirmed", mend));
  }
  if (!fact("ExecStopPost").includes("lines-off")) {
    findings.push(failed("service", "nothing opens the relay when every process of the agent was killed", INSTALL));
  }
  if (dirname(file) !== "/etc/badgekey") {
    findings.push(
      warning(
        "service",
        `the unit reads /etc/badgekey/${basename(file)}, not ${file}`,
        `sudo mv ${file} /etc/badgekey/`,
      ),
    );
  }
  const [installed, shipped] = await Promise.all([read(fact("FragmentPath")), read(SHIPPED_UNIT)]);
  if (installed !== undefined && shipped !== undefined && installed !== shipped) {
    const mend = `diff ${fact("FragmentPath")} ${SHIPPED_UNIT}; own changes belong into: systemctl edit ${unit}`;
    findings.push(warning("service", "the installed unit is not the one of this version", mend));
  }
  return findings;
}

function stateOf(unit: string, fact: (name: string) => string): Finding {
  const log = `journalctl -u ${unit} -n 50`;
  const again = `see why (${log}), then: sudo systemctl reset-failed ${unit} && sudo systemctl start ${unit}`;
  const restarts = Number(fact("NRestarts"));
  const standing = fact("StatusText") === "" ? "" : `: ${fact("StatusText")}`;
  switch (fact("ActiveState")) {
    case "active":
      return restarts >= MUCH_RESTARTED
        ? warning("service", `runs, after ${String(restarts)} restarts${standing}`, log)
        : ok("service", `${unit} runs${standing}`);
    case "activating":
      return warning("service", `is being started (${fact("SubState")}, ${String(restarts)} restarts)`, log);
    case "failed":
      if (fact("ExecMainStatus") === "2") {
        return failed("service", "was started with a wrong command line, and is not tried again", again);
      }
      // systemd may name the last failure instead of its own guard.
      return fact("Result") === "start-limit-hit" || restarts >= STARTS_ALLOWED - 1
        ? failed("service", "failed too often and was stopped by the boot-loop guard; its lines are inactive", again)
        : failed("service", `ended: ${fact("Result")}`, again);
    default:
      return warning("service", `is not running (${fact("ActiveState")})`, `sudo systemctl enable --now ${unit}`);
  }
}

function watchdogOf(unit: string, fact: (name: string) => string): Finding {
  const watchdog = fact("WatchdogUSec");
  const isSet = watchdog !== "" && watchdog !== "0" && watchdog !== "infinity";
  if (isSet && fact("Type") === "notify") return ok("watchdog", `replaces a hung agent after ${watchdog}`);
  return failed("watchdog", `${unit} does not watch the agent`, `${INSTALL} (Type=notify, WatchdogSec)`);
}

/** Settings of the kernel that a reader or the pins need. */
export async function checkKernel(
  { usesPcsc, usesPins }: { readonly usesPcsc: boolean; readonly usesPins: boolean },
  { read }: SystemProbes,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  if (usesPcsc) {
    const loaded = /^(pn533_usb|pn533)\b/m.exec((await read("/proc/modules")) ?? "")?.[1];
    if (loaded !== undefined) {
      findings.push(failed("kernel", `its module ${loaded} takes the reader away from pcscd`, NO_NFC_MODULES));
    }
  }
  if (!usesPins) return findings;
  const kept = await Promise.all(PERSISTENCE.map((path) => read(path)));
  const persists = kept.find((text) => text !== undefined)?.trim();
  if (persists === "Y" || persists === "1") {
    const detail = "keeps outputs as they are when their program is killed (persist_gpio_outputs)";
    findings.push(warning("kernel", detail, STRICT_GPIOD));
  } else if (persists !== undefined) findings.push(ok("kernel", "lets outputs go when their program ends"));
  return findings;
}

export interface ClockFacts {
  /** The computer's own clock. */
  readonly now: number;
  /** The newest signed time that the agent holds; 0 where it holds none. */
  readonly floorAt: number;
  /** What the machine does while its time is not confirmed. */
  readonly untrustedClock: "allow" | "refuse" | undefined;
}

const MOST_BEHIND_MS = 300_000;

/** The computer's clock against signed time, and whether the machine would survive a power cut without network. */
export async function checkClock(
  { now, floorAt, untrustedClock }: ClockFacts,
  { run }: SystemProbes,
  batteryClock: () => Promise<number | undefined> = readBatteryClock,
): Promise<Finding> {
  const sync = "sudo timedatectl set-ntp true";
  if (floorAt - now > MOST_BEHIND_MS) {
    const signed = new Date(floorAt).toISOString();
    return failed("clock", `this computer's clock is behind the server's signed time (${signed})`, sync);
  }
  const hasBattery = (await batteryClock()) !== undefined;
  const battery = hasBattery ? "battery clock" : "no battery clock";
  const synchronized = (await run("timedatectl", ["show", "--property=NTPSynchronized", "--value"]))?.trim();
  if (synchronized === "no") return warning("clock", `not synchronised, ${battery}`, sync);
  if (!hasBattery && untrustedClock === "refuse") {
    const detail = "no battery clock: after a power cut this machine works only once the server was reached";
    return warning(
      "clock",
      detail,
      "add a battery clock (DS3231), or allow the machine an unconfirmed clock in the console",
    );
  }
  return ok("clock", `${synchronized === "yes" ? "synchronised" : "not known to be synchronised"}, ${battery}`);
}
