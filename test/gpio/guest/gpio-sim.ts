import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CONFIG = "/sys/kernel/config/gpio-sim/header";
/** As many lines as a Raspberry Pi 4's chip has. */
const LINES = 58;

/** The kernel's simulated GPIO chip, from its far side: what a meter on the pin would read, and what hangs on it. */
export interface SimulatedChip {
  /** The device's name under /dev. */
  readonly device: string;
  /** The number of pin 0 in sysfs and in trace events. */
  readonly base: number;
  /** The pin's physical level. */
  level(pin: number): 0 | 1;
  /** What an undriven pin falls to; drives the level of an input. */
  pull(pin: number, direction: "up" | "down"): void;
}

/** Makes the one chip of this guest, under the label of a Raspberry Pi's header. */
export function createChip(label = "pinctrl-bcm2711"): SimulatedChip {
  const bank = join(CONFIG, "bank0");
  mkdirSync(CONFIG);
  mkdirSync(bank);
  writeFileSync(join(bank, "num_lines"), String(LINES));
  writeFileSync(join(bank, "label"), label);
  writeFileSync(join(CONFIG, "live"), "1");
  const device = text(join(bank, "chip_name"));
  const far = join("/sys/devices/platform", text(join(CONFIG, "dev_name")), device);
  return {
    device,
    base: baseOf(label),
    level: (pin) => (text(join(far, `sim_gpio${pin}/value`)) === "1" ? 1 : 0),
    pull: (pin, direction) => writeFileSync(join(far, `sim_gpio${pin}/pull`), `pull-${direction}`),
  };
}

function baseOf(label: string): number {
  const folder = "/sys/class/gpio";
  const chip = readdirSync(folder).find(
    (name) => name.startsWith("gpiochip") && text(join(folder, name, "label")) === label,
  );
  if (chip === undefined) throw new Error(`sysfs shows no chip labelled ${label}`);
  return Number(text(join(folder, chip, "base")));
}

function text(file: string): string {
  return readFileSync(file, "utf8").trim();
}
