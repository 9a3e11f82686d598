import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AgentConfig, ReaderConfig } from "../config.js";
import { findGpioBase } from "../hardware/gpio-base.js";
import { PCSCD_SOCKET, pcscDriverMissing, probePcscd } from "../hardware/pcsc-launch.js";
import { DriverMissingError } from "../hardware/line.js";
import type { Reader } from "../ports.js";
import { type Finding, failed, ok, warning } from "./finding.js";

const READER_WAIT_MS = 4_000;
const INSTALL_PCSC = "sudo apt-get install -y build-essential libpcsclite-dev pcscd && npm ci";
const INSTALL_ONOFF = "sudo apt-get install -y build-essential python3 && npm ci";
const BENCH = "use the driver of the real device before a real machine hangs on this agent";

export interface HardwareDeps {
  /** Opens a reader as `run` does; asked once the driver and pcscd are there. */
  readonly openReader: (config: ReaderConfig) => Promise<Reader>;
  readonly pcscdSocket?: string;
  readonly gpioRoot?: string;
}

/** Looks at one configured reader. Opens it for a few seconds at most; a reader that another process uses still shows. */
export async function checkReader(config: ReaderConfig, deps: HardwareDeps): Promise<Finding> {
  if (config.driver === "simulated") {
    return warning("reader", `simulated, by ${config.socket}: no real card is read`, BENCH);
  }
  const check = config.name === undefined ? "reader" : `reader ${config.name}`;
  const missing = pcscDriverMissing();
  if (missing !== undefined) return failed(check, withoutKind(missing), INSTALL_PCSC);
  const silent = await probePcscd(deps.pcscdSocket ?? PCSCD_SOCKET);
  if (silent !== undefined) return failed(check, withoutKind(silent), "sudo systemctl enable --now pcscd.socket");
  return watchReader(check, await deps.openReader(config));
}

async function watchReader(check: string, reader: Reader): Promise<Finding> {
  let reason = `nothing was heard of it in ${String(READER_WAIT_MS)} ms`;
  const name = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), READER_WAIT_MS);
    const done = (found: string | undefined): void => {
      clearTimeout(timer);
      resolve(found);
    };
    reader.start((event) => {
      if (event.kind === "readerReady") done(event.reader);
      if (event.kind !== "readerLost") return;
      reason = event.reason;
      if (/^(absent|ambiguous|missing):/.test(reason)) done(undefined);
    });
  });
  await reader.close();
  if (name !== undefined) return ok(check, name);
  return failed(check, withoutKind(reason), mendFor(reason));
}

function mendFor(reason: string): string {
  if (reason.startsWith("ambiguous:")) return "write `name:` with the serial number of one of them under `readers`";
  if (reason.startsWith("absent:")) return "plug the reader in, then see it with: pcsc_scan -r";
  if (reason.startsWith("missing:")) return INSTALL_PCSC;
  return "sudo systemctl restart pcscd, then look into: journalctl -u pcscd";
}

function withoutKind(reason: string): string {
  return reason.replace(/^[a-z]+: /, "").replace(/; run: .*$/, "");
}

/** Looks at the relay without touching its line: the agent may be running. */
export async function checkRelay(relay: AgentConfig["relay"], { gpioRoot }: HardwareDeps): Promise<Finding> {
  if (relay.driver === "simulated") return warning("relay", "simulated: nothing is switched", BENCH);
  const check = relay.pin === undefined ? "relay" : `relay GPIO ${String(relay.pin)}`;
  if (!canLoad("onoff")) return failed(check, "the package onoff is not installed", INSTALL_ONOFF);
  const root = gpioRoot ?? "/sys/class/gpio";
  try {
    const base = relay.base ?? findGpioBase({ root, chipLabel: relay.chipLabel });
    await access(`${root}/export`, constants.W_OK);
    const label = await readFile(`${root}/gpiochip${String(base)}/label`, "utf8").catch(() => "chip of its own base");
    if (relay.pin === undefined) return ok(check, `${label.trim()}, the pin as the machine's policy says`);
    const level = relay.activeLow ? "active low" : "active high";
    return ok(check, `${label.trim()}, sysfs number ${String(base + relay.pin)}, ${level}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES") {
      return failed(check, `no permission to drive GPIO in ${root}`, "sudo usermod -aG gpio $USER, then log in again");
    }
    if (error instanceof DriverMissingError) return failed(check, message, error.hint);
    return failed(check, message, "see which chips there are: grep . /sys/class/gpio/gpiochip*/label");
  }
}

function canLoad(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return false;
    throw error;
  }
}
