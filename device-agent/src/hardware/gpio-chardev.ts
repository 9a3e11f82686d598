import { findChip, IoctlError, type Kernel, KernelLine, loadKernel } from "./gpio-ioctl.js";
import type { GpioDriverConfig, InputLine, LineDriver, OutputLine, Pin } from "./line.js";

/** Edges come by themselves; the level is read beside them so often, in case one was missed. In looks. */
const READ_EVERY = 5;

/**
 * Header pins by the GPIO character device (uAPI v2); inputs are pulled to their inactive level. Throws a
 * DriverMissingError where the binding, the chip or the permission is missing. What the kernel does with the lines
 * when this process ends is the chip driver's own affair. It does not debounce them, because that would hide a contact
 * that chatters.
 */
export function chardevDriver(
  { chipLabel }: Pick<GpioDriverConfig, "chipLabel">,
  { kernel = loadKernel(), root = "/dev" }: { readonly kernel?: Kernel; readonly root?: string } = {},
): LineDriver {
  const chip = findChip(kernel, { root, chipLabel });
  return {
    name: "chardev",
    openOutput: (_name, pin) => outputOf(requested(pin, () => KernelLine.output(kernel, chip, pin))),
    openInput: (_name, pin) => inputOf(requested(pin, () => KernelLine.input(kernel, chip, pin))),
  };
}

function requested(pin: Pin, request: () => KernelLine): KernelLine {
  try {
    return request();
  } catch (cause) {
    const code = cause instanceof IoctlError ? cause.code : undefined;
    if (code === "EBUSY") throw new Error(`another program holds GPIO ${pin.pin}: gpioinfo names it`, { cause });
    if (code === "EINVAL") throw new Error(`the GPIO chip has no line ${pin.pin} that does this`, { cause });
    throw cause;
  }
}

function outputOf(line: KernelLine): OutputLine {
  return { set: (active) => line.set(active) };
}

function inputOf(line: KernelLine): InputLine {
  let active = line.get();
  let looks = 0;
  return {
    sample: () => {
      const edges = line.takeEdges();
      looks += 1;
      if (edges > 0 || looks % READ_EVERY === 0) active = line.get();
      return { active, edges };
    },
  };
}
