import { userInfo } from "node:os";
import type { Gpio } from "onoff";
import { findGpioBase } from "./gpio-base.js";
import {
  DriverMissingError,
  type GpioDriverConfig,
  type InputLine,
  type LineDriver,
  type OutputLine,
  type Pin,
} from "./line.js";

type GpioConstructor = typeof Gpio;

/** Edges come by themselves; the level is read beside them so often, in case one was missed. In looks. */
const READ_EVERY = 5;

/**
 * Header pins by onoff over sysfs. Rejects with a DriverMissingError where onoff, GPIO or its chip is missing. sysfs
 * cannot switch pull resistors: an input needs one of its own, or `gpio=<pin>=pu|pd` in the Pi's config.txt.
 */
export async function sysfsDriver({
  chipLabel,
  base,
}: Pick<GpioDriverConfig, "chipLabel" | "base">): Promise<LineDriver> {
  const first = base ?? findGpioBase({ chipLabel });
  const { Gpio } = await loadOnoff();
  return {
    name: "sysfs",
    openOutput: (_name, pin) => openOutput(Gpio, first, pin),
    openInput: (_name, pin) => openInput(Gpio, first, pin),
  };
}

function openOutput(Gpio: GpioConstructor, first: number, { pin, activeLow }: Pin): OutputLine {
  const number = first + pin;
  // The direction names the physical level: "out" would mean low, which energises an active-low relay at open.
  const gpio = allowing(number, () => new Gpio(number, activeLow ? "high" : "low", "none", { activeLow }));
  gpio.writeSync(0);
  // onoff hides failures on a pin that was exported before; the pin itself tells.
  if (gpio.direction() === "in" || gpio.activeLow() !== activeLow || gpio.readSync() !== 0) {
    throw new Error(`GPIO ${pin} (sysfs ${number}) did not become an output at its inactive level: who else uses it?`);
  }
  return {
    set: (active) => gpio.writeSync(active ? 1 : 0),
    opener: { path: `/sys/class/gpio/gpio${number}/value`, text: "0" },
  };
}

function openInput(Gpio: GpioConstructor, first: number, { pin, activeLow }: Pin): InputLine {
  const number = first + pin;
  const gpio = allowing(number, () => new Gpio(number, "in", "both", { activeLow }));
  if (gpio.direction() !== "in" || gpio.activeLow() !== activeLow) {
    throw new Error(`GPIO ${pin} (sysfs ${number}) did not become an input: who else uses it?`);
  }
  let edges = 0;
  let failure: Error | undefined;
  const hasEdges = watches(gpio, (error) => {
    edges += 1;
    failure = error ?? undefined;
  });
  let level = gpio.readSync();
  let looks = 0;
  return {
    sample: () => {
      if (failure) throw failure;
      looks += 1;
      if (!hasEdges || edges > 0 || looks % READ_EVERY === 0) level = gpio.readSync();
      const sample = { active: level === 1, edges };
      edges = 0;
      return sample;
    },
  };
}

/** False for a pin whose chip tells of no edges: its level is then read at every look. */
function watches(gpio: Gpio, onEdge: (error: Error | null | undefined) => void): boolean {
  try {
    gpio.watch(onEdge);
    return true;
  } catch {
    return false;
  }
}

async function loadOnoff(): Promise<typeof import("onoff")> {
  try {
    return await import("onoff");
  } catch (cause) {
    throw new DriverMissingError("the relay driver sysfs needs the package onoff, which is not installed", {
      hint: "sudo apt-get install -y build-essential python3 && npm ci",
      cause,
    });
  }
}

function allowing<T>(number: number, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      throw new DriverMissingError(`no permission to drive GPIO (sysfs ${number})`, {
        hint: `sudo usermod -aG gpio ${userInfo().username}`,
        cause,
      });
    }
    if (code === "EBUSY") throw new Error(`another program holds the pin (sysfs ${number})`, { cause });
    if (code === "EINVAL") throw new Error(`the kernel knows no pin with the sysfs number ${number}`, { cause });
    throw cause;
  }
}
