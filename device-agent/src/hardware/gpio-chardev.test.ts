import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeGpioKernel } from "../testing/fake-gpio-kernel.js";
import { chardevDriver } from "./gpio-chardev.js";
import { findChip } from "./gpio-ioctl.js";

let root: string;
let kernel: FakeGpioKernel;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "badgekey-dev-"));
  kernel = new FakeGpioKernel();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function addChip(file: string, label: string, name = file): void {
  writeFileSync(join(root, file), "");
  kernel.labels.set(file, { name, label });
}

describe("the header's chip", () => {
  test.each(["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"])("%s is found by its label among others", (label) => {
    addChip("gpiochip0", "raspberrypi-exp-gpio");
    addChip("gpiochip4", label);
    writeFileSync(join(root, "gpiomem"), "");
    expect(findChip(kernel, { root })).toBe(join(root, "gpiochip4"));
    expect(findChip(kernel, { root, chipLabel: "raspberrypi-exp-gpio" })).toBe(join(root, "gpiochip0"));
  });

  test("one chip under two names, as Raspberry Pi OS shows it, is one chip", () => {
    addChip("gpiochip0", "pinctrl-rp1");
    addChip("gpiochip4", "pinctrl-rp1", "gpiochip0");
    expect(findChip(kernel, { root })).toMatch(/gpiochip[04]$/);
  });

  test("none and two are refused with the way out", () => {
    addChip("gpiochip0", "brcmvirt-gpio");
    expect(() => findChip(kernel, { root })).toThrow(
      expect.objectContaining({
        name: "DriverMissingError",
        message: expect.stringContaining("(found: brcmvirt-gpio)"),
      }),
    );
    addChip("gpiochip1", "pinctrl-bcm2711");
    addChip("gpiochip2", "pinctrl-bcm2835");
    expect(() => findChip(kernel, { root })).toThrow(
      expect.objectContaining({ hint: "write `driver: sysfs` and `base` under `relay`" }),
    );
  });
});

describe("lines of the character device", () => {
  const flagsOf = (offset: number) => kernel.line(offset)?.flags.toString(2).padStart(10, "0");
  const driver = () => {
    addChip("gpiochip0", "pinctrl-bcm2711");
    return chardevDriver({}, { kernel, root });
  };

  test("R1: an output is requested at its inactive value, with its polarity, in one step", () => {
    const lines = driver();
    const relay = lines.openOutput("relay", { pin: 17, activeLow: false });
    expect([flagsOf(17), kernel.line(17)?.value]).toEqual(["0000001000", 0n]);
    lines.openOutput("runOn", { pin: 5, activeLow: true });
    expect([flagsOf(5), kernel.line(5)?.value]).toEqual(["0000001010", 0n]);
    relay.set(true);
    expect([kernel.line(17)?.value, kernel.line(5)?.value]).toEqual([1n, 0n]);
    relay.set(false);
    expect(kernel.line(17)?.value).toBe(0n);
    expect(kernel.line(17)?.consumer).toBe("badgekey");
  });

  test("a contact is pulled to its inactive level and tells of both edges", () => {
    const lines = driver();
    lines.openInput("busy", { pin: 22, activeLow: false });
    lines.openInput("endButton", { pin: 23, activeLow: true });
    expect([flagsOf(22), flagsOf(23)]).toEqual(["1000110100", "0100110110"]);
  });

  test("edges between two looks are counted, though the level is what it was", () => {
    const busy = driver().openInput("busy", { pin: 22, activeLow: false });
    kernel.move(22, true);
    kernel.move(22, false);
    expect(busy.sample()).toEqual({ active: false, edges: 2 });
    kernel.move(22, true);
    expect(busy.sample()).toEqual({ active: true, edges: 1 });
    expect(busy.sample()).toEqual({ active: true, edges: 0 });
  });

  test("a level that changed without an edge is seen within five looks", () => {
    const busy = driver().openInput("busy", { pin: 22, activeLow: false });
    expect(busy.sample()).toEqual({ active: false, edges: 0 });
    const line = kernel.line(22);
    if (line) line.value = 1n;
    const looks = Array.from({ length: 5 }, () => busy.sample().active);
    expect(looks.at(-1)).toBe(true);
  });

  test("a pin that another program holds, or that is none, is refused in words", () => {
    const lines = driver();
    kernel.busy.add(17);
    expect(() => lines.openOutput("relay", { pin: 17, activeLow: false })).toThrow("another program holds GPIO 17");
    expect(() => lines.openInput("busy", { pin: 60, activeLow: false })).toThrow("the GPIO chip has no line 60");
  });

  test("a line that the kernel took away is an error, never a wait", () => {
    const lines = driver();
    const relay = lines.openOutput("relay", { pin: 17, activeLow: false });
    const busy = lines.openInput("busy", { pin: 22, activeLow: false });
    kernel.removeLines();
    expect(() => relay.set(true)).toThrow("setting the line: inappropriate ioctl for device (ENOTTY)");
    expect(() => busy.sample()).toThrow("the kernel took the line away");
  });
});
