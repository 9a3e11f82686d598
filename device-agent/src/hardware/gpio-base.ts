import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DriverMissingError } from "./relay-line.js";

/** The chips that carry the header's pins: Pi 0 to 3, Pi 4, Pi 5. */
const HEADER_CHIPS: readonly string[] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

export interface GpioBaseQuery {
  /** Where sysfs shows its chips; another folder in tests. */
  readonly root?: string;
  /** Another label than those of the Raspberry Pi's own chips. */
  readonly chipLabel?: string;
}

/**
 * The number of the header's pin 0 in sysfs: 0, 512, 569 or 571 by kernel, so it is looked up by the chip's label.
 * Rejects with a DriverMissingError where sysfs has no GPIO, and with an Error where no chip or more than one fits.
 */
export async function findGpioBase({ root = "/sys/class/gpio", chipLabel }: GpioBaseQuery = {}): Promise<number> {
  const wanted = chipLabel === undefined ? HEADER_CHIPS : [chipLabel];
  const chips = await readChips(root);
  const fitting = chips.filter(({ label }) => wanted.includes(label));
  const [chip] = fitting;
  if (!chip) {
    const seen = chips.map(({ label }) => label).join(", ") || "none";
    throw new Error(`no GPIO chip labelled ${wanted.join(" or ")} under ${root} (found: ${seen}); set chipLabel`);
  }
  if (fitting.length > 1) {
    const names = fitting.map(({ name, label }) => `${name} (${label})`).join(", ");
    throw new Error(`more than one GPIO chip could carry the pins: ${names}; set base`);
  }
  if (!Number.isSafeInteger(chip.base) || chip.base < 0) throw new Error(`${root}/${chip.name}/base is no number`);
  return chip.base;
}

interface Chip {
  readonly name: string;
  readonly label: string;
  readonly base: number;
}

async function readChips(root: string): Promise<readonly Chip[]> {
  const names = (await namesIn(root)).filter((name) => name.startsWith("gpiochip"));
  return Promise.all(
    names.map(async (name) => {
      const [label, base] = await Promise.all([
        readFile(join(root, name, "label"), "utf8"),
        readFile(join(root, name, "base"), "utf8"),
      ]);
      return { name, label: label.trim(), base: /^\d+$/.test(base.trim()) ? Number(base) : Number.NaN };
    }),
  );
}

async function namesIn(root: string): Promise<readonly string[]> {
  try {
    return await readdir(root);
  } catch (cause) {
    throw new DriverMissingError(`this machine has no GPIO: ${root} cannot be read`, {
      hint: "run the agent on a Raspberry Pi whose kernel shows its pins: ls /sys/class/gpio",
      cause,
    });
  }
}
