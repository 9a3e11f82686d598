import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { openDriver } from "../hardware/line-drivers.js";
import type { DriverConfig, LineDriver } from "../hardware/line.js";
import { PCSCD_SOCKET, pcscDriverMissing } from "../hardware/pcsc-launch.js";
import type { ReaderConfig } from "../config.js";
import type { Reader } from "../ports.js";
import { openReader } from "./open-reader.js";

/** What `doctor` looks through; tests put a computer of their own behind it. Nothing here changes anything. */
export interface DoctorProbes {
  /** Id of the user that looks; undefined where the system has none. */
  readonly user: number | undefined;
  /** A small file's text; undefined where it is not there or this user may not read it. */
  read(path: string): Promise<string | undefined>;
  /** What a program prints; undefined where it is not installed, fails or takes over 5 s. */
  run(program: string, args: readonly string[]): Promise<string | undefined>;
  /** Why nfc-pcsc cannot be loaded, with the command that mends it. */
  pcscDriverMissing(): string | undefined;
  readonly pcscdSocket: string;
  /** Opens a reader as `run` does; asked once the driver and pcscd are there. */
  openReader(config: ReaderConfig): Promise<Reader>;
  /** Finds the pins' driver, without touching a pin. Rejects with a DriverMissingError. */
  openDriver(config: DriverConfig): Promise<Pick<LineDriver, "name">>;
}

const PROGRAM_MS = 5_000;
const MOST_OUTPUT_BYTES = 262_144;

export function doctorProbes(): DoctorProbes {
  return {
    user: process.getuid?.(),
    read: (path) => readFile(path, "utf8").catch(() => undefined),
    run: (program, args) =>
      new Promise((resolve) => {
        execFile(program, args, { timeout: PROGRAM_MS, maxBuffer: MOST_OUTPUT_BYTES }, (error, stdout) => {
          resolve(error ? undefined : stdout);
        });
      }),
    pcscDriverMissing,
    pcscdSocket: PCSCD_SOCKET,
    openReader,
    openDriver,
  };
}
