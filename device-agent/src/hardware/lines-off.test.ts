import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeGpioKernel } from "../testing/fake-gpio-kernel.js";
import type { LinesConfig } from "./line.js";
import { linesOff } from "./lines-off.js";

let folder: string;
let sysfs: string;
let dev: string;
let kernel: FakeGpioKernel;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "badgekey-off-"));
  sysfs = join(folder, "gpio");
  dev = join(folder, "dev");
  kernel = new FakeGpioKernel();
  mkdirSync(dev);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function addSysfs(base: number): void {
  mkdirSync(join(sysfs, `gpiochip${String(base)}`), { recursive: true });
  writeFileSync(join(sysfs, `gpiochip${String(base)}`, "label"), "pinctrl-bcm2711\n");
  writeFileSync(join(sysfs, `gpiochip${String(base)}`, "base"), `${String(base)}\n`);
}

/** A pin that a killed process left exported and energised. */
function leave(number: number): void {
  mkdirSync(join(sysfs, `gpio${String(number)}`));
  writeFileSync(join(sysfs, `gpio${String(number)}`, "direction"), "out\n");
}

function addChip(): void {
  writeFileSync(join(dev, "gpiochip0"), "");
  kernel.labels.set("gpiochip0", { name: "gpiochip0", label: "pinctrl-bcm2711" });
}

const direction = (number: number) => readFileSync(join(sysfs, `gpio${String(number)}`, "direction"), "utf8").trim();
const off = (config: Partial<LinesConfig>) =>
  linesOff({ driver: { name: "auto" }, outputs: {}, lamps: {}, ...config }, { sysfs, dev, kernel: () => kernel });
const high = (pin: number) => ({ pin, activeLow: false });
const low = (pin: number) => ({ pin, activeLow: true });

test("R2: pins that a killed process left in sysfs go to their inactive level, the relay first", () => {
  addSysfs(512);
  leave(529);
  leave(517);
  const results = off({
    driver: { name: "sysfs" },
    lamps: { red: high(20) },
    outputs: { runOn: low(5), relay: high(17) },
  });
  expect(results.map(({ line, by }) => `${line} ${by ?? "-"}`)).toEqual(["relay sysfs", "runOn sysfs", "red -"]);
  expect([direction(529), direction(517)]).toEqual(["low", "high"]);
  expect(existsSync(join(sysfs, "unexport"))).toBe(false);
});

test("R2: what nobody exported is requested at its inactive value, and let go again", () => {
  addSysfs(512);
  addChip();
  const results = off({ outputs: { relay: high(17), stop: low(6) } });
  expect(results).toEqual([
    { line: "relay", pin: 17, by: "chardev" },
    { line: "stop", pin: 6, by: "chardev" },
  ]);
  expect(kernel.written).toEqual(["17=0", "6=0"]);
  expect(kernel.line(17)).toBeUndefined();
});

test("R2: a pin left in sysfs is given back where the character device is to have it", () => {
  addSysfs(512);
  leave(529);
  off({ driver: { name: "chardev" }, outputs: { relay: high(17) } });
  expect([direction(529), readFileSync(join(sysfs, "unexport"), "utf8")]).toEqual(["low", "529"]);
});

test("R2: trouble with one line keeps it from no other, and is told", () => {
  addChip();
  kernel.busy.add(17);
  const results = off({ outputs: { relay: high(17), runOn: high(22) } });
  expect(results[0]?.problem).toContain("GPIO 17: resource busy or locked (EBUSY)");
  expect(results[1]).toEqual({ line: "runOn", pin: 22, by: "chardev" });
});

test("without any GPIO every line is told as a problem, with both reasons", () => {
  const [result] = off({ outputs: { relay: high(17) } });
  expect(result?.problem).toContain(`this machine has no GPIO: ${sysfs} cannot be read`);
  expect(result?.problem).toContain("no GPIO chip labelled");
});

test("simulated lines end with their process", () => {
  expect(off({ driver: { name: "simulated" }, outputs: { relay: high(17) } })).toEqual([]);
});
