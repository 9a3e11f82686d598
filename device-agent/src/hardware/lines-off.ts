import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findGpioBase } from "./gpio-base.js";
import { findChip, type Kernel, KernelLine, loadKernel } from "./gpio-ioctl.js";
import {
  DriverMissingError,
  LAMPS,
  type LampName,
  type LinesConfig,
  type OutputName,
  OUTPUTS,
  type Pin,
} from "./line.js";

/** Other folders and another kernel in tests. */
export interface LinesOffDeps {
  readonly sysfs?: string;
  readonly dev?: string;
  readonly kernel?: () => Kernel;
}

/** What became of one output. */
export interface LineOff {
  readonly line: OutputName | LampName;
  readonly pin: number;
  /** Which way led to the pin; undefined where none did, and then `problem` says why. */
  readonly by?: "sysfs" | "chardev";
  readonly problem?: string;
}

/**
 * Makes every output inactive, the relay first, when all processes that could have done it have died (SAFETY R2):
 * by sysfs where the pin is left exported, else by the character device. Synchronous; a failure at one line keeps it
 * from no other. With a driver that is not sysfs a pin left in sysfs is given back, because nobody else could have it.
 */
export function linesOff(
  { driver, outputs, lamps }: Omit<LinesConfig, "inputs">,
  { sysfs = "/sys/class/gpio", dev = "/dev", kernel = loadKernel }: LinesOffDeps = {},
): readonly LineOff[] {
  if (driver.name === "simulated") return [];
  const { name, chipLabel } = driver;
  const base = attempt(() => driver.base ?? findGpioBase({ root: sysfs, chipLabel }));
  const chip = once(() => attempt(() => chipOf(kernel(), dev, chipLabel)));
  const letGo = (line: OutputName | LampName, pin: Pin): LineOff => {
    const off = { line, pin: pin.pin };
    if (base.ok && existsSync(join(sysfs, `gpio${String(base.value + pin.pin)}`))) {
      const written = attempt(() => letGoInSysfs(sysfs, base.value + pin.pin, pin, name === "sysfs"));
      return written.ok ? { ...off, by: "sysfs" } : { ...off, problem: written.problem };
    }
    const found = chip();
    if (!found.ok) return { ...off, problem: base.ok ? found.problem : `${base.problem}; ${found.problem}` };
    const written = attempt(() => KernelLine.output(found.value.kernel, found.value.path, pin).close());
    return written.ok ? { ...off, by: "chardev" } : { ...off, problem: written.problem };
  };
  const wired = { ...lamps, ...outputs };
  return [...OUTPUTS, ...LAMPS].flatMap((line) => (wired[line] ? [letGo(line, wired[line])] : []));
}

function letGoInSysfs(root: string, number: number, { activeLow }: Pin, keep: boolean): void {
  // The direction takes the physical level, whatever polarity the pin was left with.
  writeFileSync(join(root, `gpio${String(number)}`, "direction"), activeLow ? "high" : "low");
  if (!keep) writeFileSync(join(root, "unexport"), String(number));
}

function chipOf(kernel: Kernel, root: string, chipLabel: string | undefined): { kernel: Kernel; path: string } {
  return { kernel, path: findChip(kernel, { root, chipLabel }) };
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    const { message } = error as Error;
    return { ok: false, problem: error instanceof DriverMissingError ? `${message} (${error.hint})` : message };
  }
}

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}
