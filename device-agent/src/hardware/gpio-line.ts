import { userInfo } from "node:os";
import { findGpioBase } from "./gpio-base.js";
import { checkPin } from "./gpio-pins.js";
import { DriverMissingError, type GpioLineConfig, type Line } from "./relay-line.js";

/**
 * A header pin as a relay's line, by onoff over sysfs. Rejects with a DriverMissingError where onoff, GPIO or the
 * permission is missing, with an Error for a pin that SAFETY R1 refuses or that does not take the inactive level.
 */
export async function openGpioLine({ pin, activeLow = false, chipLabel, base }: GpioLineConfig): Promise<Line> {
  const allowed = checkPin(pin, activeLow);
  if (!allowed.ok) throw new Error(allowed.reason);
  const first = base ?? (await findGpioBase(chipLabel === undefined ? {} : { chipLabel }));
  const number = first + pin;
  const { Gpio } = await loadOnoff();
  // The direction names the physical level: "out" would mean low, which energises an active-low relay at open.
  const gpio = allowing(number, () => new Gpio(number, activeLow ? "high" : "low", "none", { activeLow }));
  gpio.writeSync(0);
  // onoff hides failures on a pin that was exported before; the pin itself tells.
  if (gpio.direction() === "in" || gpio.activeLow() !== activeLow || gpio.readSync() !== 0) {
    throw new Error(`GPIO ${pin} (sysfs ${number}) did not become an output at its inactive level: who else uses it?`);
  }
  return {
    set: (position) => gpio.writeSync(position === "closed" ? 1 : 0),
    opener: { path: `/sys/class/gpio/gpio${number}/value`, text: "0" },
  };
}

async function loadOnoff(): Promise<typeof import("onoff")> {
  try {
    return await import("onoff");
  } catch (cause) {
    throw new DriverMissingError("the relay driver gpio needs the package onoff, which is not installed", {
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
