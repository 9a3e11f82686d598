import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HEADER_CHIPS } from "./gpio-pins.js";
import { DriverMissingError } from "./line.js";

export interface GpioBaseQuery {
  /** Where sysfs shows its chips; another folder in tests. */
  readonly root?: string;
  /** Another label than those of the Raspberry Pi's own chips. */
  readonly chipLabel?: string | undefined;
}

/**
 * The number of the header's pin 0 in sysfs: 0, 512, 569 or 571 by kernel, so it is looked up by the chip's label.
 * Throws a DriverMissingError where sysfs has no GPIO, or no chip or more than one fits.
 */
export function findGpioBase({ root = "/sys/class/gpio", chipLabel }: GpioBaseQuery = {}): number {
  const wanted = chipLabel === undefined ? HEADER_CHIPS : [chipLabel];
  const chips = readChips(root);
  const fitting = chips.filter(({ label }) => wanted.includes(label));
  const [chip] = fitting;
  if (!chip) {
    const seen = chips.map(({ label }) => label).join(", ") || "none";
    throw new DriverMissingError(`no GPIO chip labelled ${wanted.join(" or ")} under ${root} (found: ${seen})`, {
      hint: `see which chips there are: grep . ${root}/gpiochip*/label; then write \`chipLabel\` under \`relay\``,
    });
  }
  if (fitting.length > 1) {
    const names = fitting.map(({ name, label }) => `${name} (${label})`).join(", ");
    throw new DriverMissingError(`more than one GPIO chip could carry the pins: ${names}`, {
      hint: "write `base` under `relay`: the chip's first number",
    });
  }
  if (!Number.isSafeInteger(chip.base) || chip.base < 0) throw new Error(`${root}/${chip.name}/base is no number`);
  return chip.base;
}

interface Chip {
  readonly name: string;
  readonly label: string;
  readonly base: number;
}

function readChips(root: string): readonly Chip[] {
  return namesIn(root)
    .filter((name) => name.startsWith("gpiochip"))
    .map((name) => {
      const base = readFileSync(join(root, name, "base"), "utf8").trim();
      const label = readFileSync(join(root, name, "label"), "utf8").trim();
      return { name, label, base: /^\d+$/.test(base) ? Number(base) : Number.NaN };
    });
}

function namesIn(root: string): readonly string[] {
  try {
    return readdirSync(root);
  } catch (cause) {
    throw new DriverMissingError(`this machine has no GPIO: ${root} cannot be read`, {
      hint: "run the agent on a Raspberry Pi whose kernel shows its pins: ls /sys/class/gpio",
      cause,
    });
  }
}
