import { type DriverConfig, DriverMissingError, type GpioDriverConfig, type LineDriver } from "./line.js";

/**
 * The driver of that name, loaded when asked for; `auto` is the character device where it can be had, else sysfs.
 * Rejects with a DriverMissingError where this machine cannot offer it.
 */
export async function openDriver(config: DriverConfig): Promise<LineDriver> {
  switch (config.name) {
    case "simulated":
      return (await import("./simulated-relay.js")).simulatedDriver(config);
    case "sysfs":
      return (await import("./gpio-sysfs.js")).sysfsDriver(config);
    case "chardev":
      return (await import("./gpio-chardev.js")).chardevDriver(config);
    case "auto":
      return openEither(config);
  }
}

async function openEither(config: GpioDriverConfig): Promise<LineDriver> {
  try {
    return await openDriver({ ...config, name: "chardev" });
  } catch (chardev) {
    if (!(chardev instanceof DriverMissingError)) throw chardev;
    return openDriver({ ...config, name: "sysfs" }).catch((sysfs: unknown) => {
      if (!(sysfs instanceof DriverMissingError)) throw sysfs;
      throw new DriverMissingError(`${chardev.message}; ${sysfs.message}`, { hint: chardev.hint, cause: chardev });
    });
  }
}
