import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findGpioBase } from "./gpio-base.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "badgekey-gpio-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function addChip(base: number | string, label: string, name = `gpiochip${base}`): Promise<void> {
  await mkdir(join(root, name));
  await writeFile(join(root, name, "label"), `${label}\n`);
  await writeFile(join(root, name, "base"), `${base}\n`);
}

test.each([
  ["pinctrl-bcm2835", 0],
  ["pinctrl-bcm2835", 512],
  ["pinctrl-bcm2711", 512],
  ["pinctrl-rp1", 571],
])("the base of %s at %i is found among other chips", async (label, base) => {
  await addChip(base, label);
  await addChip(600, "raspberrypi-exp-gpio");
  await mkdir(join(root, "gpio529"));
  await writeFile(join(root, "export"), "");
  expect(findGpioBase({ root })).toBe(base);
});

test("two chips that fit are refused, and so is none", async () => {
  await addChip(600, "raspberrypi-exp-gpio");
  expect(() => findGpioBase({ root })).toThrow("(found: raspberrypi-exp-gpio)");
  await addChip(512, "pinctrl-bcm2711");
  await addChip(571, "pinctrl-rp1");
  expect(() => findGpioBase({ root })).toThrow("gpiochip571 (pinctrl-rp1)");
  expect(findGpioBase({ root, chipLabel: "raspberrypi-exp-gpio" })).toBe(600);
});

test("a base that is no number is refused", async () => {
  await addChip("many", "pinctrl-bcm2835");
  expect(() => findGpioBase({ root })).toThrow("gpiochipmany/base is no number");
});

test("without sysfs the driver is missing, and the hint says what to do", () => {
  expect(() => findGpioBase({ root: join(root, "absent") })).toThrow(
    expect.objectContaining({
      name: "DriverMissingError",
      message: `this machine has no GPIO: ${join(root, "absent")} cannot be read`,
      hint: "run the agent on a Raspberry Pi whose kernel shows its pins: ls /sys/class/gpio",
    }),
  );
});
