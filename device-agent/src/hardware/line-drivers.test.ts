import { expect, test } from "vitest";
import { DriverMissingError } from "./line.js";
import { openDriver } from "./line-drivers.js";

const chipLabel = "none-such";

test("a driver that this machine cannot offer says what is missing", async () => {
  for (const name of ["sysfs", "chardev"] as const) {
    await expect(openDriver({ name, chipLabel })).rejects.toThrow(DriverMissingError);
  }
});

test("auto tries the character device, then sysfs, and tells of both where neither can be had", async () => {
  const told = async (name: "auto" | "sysfs" | "chardev"): Promise<Error> =>
    openDriver({ name, chipLabel }).then(
      () => new Error("opened"),
      (error: unknown) => error as Error,
    );
  const [chardev, sysfs, auto] = [await told("chardev"), await told("sysfs"), await told("auto")];
  expect(auto).toBeInstanceOf(DriverMissingError);
  expect(auto.message).toBe(`${chardev.message}; ${sysfs.message}`);
});
