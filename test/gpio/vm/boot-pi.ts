import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { startQemu } from "./boot-guest.js";
import { cachedBuild, REPOSITORY, SCRIPTS } from "./guest-kernel.js";

const run = promisify(execFile);

/** The folder with the emulated Raspberry Pi's kernel and system: from the cache, else built in half a minute. */
export function piSystem(cache: string, log: (line: string) => void): Promise<string> {
  return cachedBuild(cache, {
    prefix: "raspi3b",
    scripts: ["build-pi.sh", "own-apt.sh"],
    whole: "system.cpio.zst",
    log,
  });
}

/** What a pin is, as the chip's own registers say. */
export interface PinState {
  readonly level: 0 | 1;
  readonly drive: "input" | "output" | "other";
}

export interface Pi {
  /** Reads the chip's registers from outside: nothing in the guest takes part. */
  pin(pin: number): Promise<PinState>;
  /** Resolves when QEMU is gone. */
  readonly ended: Promise<void>;
  end(): Promise<void>;
}

export interface PiOptions {
  /** From `piSystem`. */
  readonly system: string;
  /** As Raspberry Pi OS does: a pin stays what it is when the program that held it by the character device ends. */
  readonly persistOutputs: boolean;
  readonly timeoutMs: number;
  readonly onLine: (line: string) => void;
}

const GPIO_REGISTERS = 0x3f20_0000;
const LEVELS = GPIO_REGISTERS + 0x34;

/**
 * Boots a Raspberry Pi 3B in emulation: Debian's arm64 kernel with the board's own pin driver, and pi-main.js in it.
 */
export async function bootPi({ system, persistOutputs, timeoutMs, onLine }: PiOptions): Promise<Pi> {
  const folder = await mkdtemp(join(tmpdir(), "badgekey-pi-"));
  const monitor = join(folder, "monitor");
  const child = startQemu("qemu-system-aarch64", [
    ...["-M", "raspi3b", "-accel", "tcg,thread=multi", "-display", "none", "-serial", "stdio", "-no-reboot"],
    ...["-monitor", `unix:${monitor},server=on,wait=off`],
    ...[
      "-kernel",
      join(system, "vmlinuz"),
      "-dtb",
      join(system, "board.dtb"),
      "-initrd",
      await initrdIn(folder, system),
    ],
    "-append",
    `console=ttyAMA0,115200 quiet loglevel=4 panic=-1 rdinit=/init pinctrl_bcm2835.persist_gpio_outputs=${persistOutputs ? "y" : "n"}`,
  ]);
  let timer: NodeJS.Timeout | undefined;
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on("line", (line) => {
      timer ??= setTimeout(() => child.kill("SIGKILL"), timeoutMs);
      onLine(line.replaceAll("\r", "").trimEnd());
    });
  }
  let toMonitor: Promise<Monitor> | undefined;
  const word = async (address: number): Promise<number> => (await (toMonitor ??= openMonitor(monitor))).word(address);
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  }).finally(async () => {
    clearTimeout(timer);
    if (toMonitor) (await toMonitor).close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    pin: async (pin) => {
      const levels = await word(LEVELS);
      const functions = await word(GPIO_REGISTERS + 4 * Math.floor(pin / 10));
      const chosen = (functions >>> (3 * (pin % 10))) & 7;
      return {
        level: ((levels >>> pin) & 1) === 1 ? 1 : 0,
        drive: chosen === 0 ? "input" : chosen === 1 ? "output" : "other",
      };
    },
    ended,
    end: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * The cached system, unpacked because that takes the emulated processor half a minute, and after it what changes from
 * run to run: our init, the built agent's lines, and the test.
 */
async function initrdIn(folder: string, system: string): Promise<string> {
  const pack = `
    mkdir -p root/app/device-agent/dist root/app/test/dist/gpio
    echo '{ "type": "module" }' >root/app/package.json
    cp -r "$1/device-agent/dist/hardware" "$1/device-agent/dist/system-clock.js" root/app/device-agent/dist/
    cp -r "$1/test/dist/gpio/guest" root/app/test/dist/gpio/
    find root -name '*.d.ts' -delete -o -name '*.map' -delete
    cp "$2" root/init && chmod 755 root/init
    zstd -dcq "$3/system.cpio.zst" >initrd
    (cd root && find . | cpio -o -H newc --quiet) >>initrd`;
  await run("bash", ["-euo", "pipefail", "-c", pack, "pack", REPOSITORY, join(SCRIPTS, "init-pi.sh"), system], {
    cwd: folder,
  });
  return join(folder, "initrd");
}

interface Monitor {
  word(address: number): Promise<number>;
  close(): void;
}

/** QEMU's monitor, which reads memory and registers while the guest runs. */
async function openMonitor(path: string): Promise<Monitor> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = connect(path);
    opening.once("error", reject);
    // Its first prompt.
    opening.once("data", () => resolve(opening));
  });
  let last: Promise<unknown> = Promise.resolve();
  const ask = (address: number): Promise<number> =>
    new Promise((resolve, reject) => {
      let text = "";
      const take = (chunk: Buffer): void => {
        text += chunk.toString("latin1");
        const found = /: 0x([0-9a-f]{8})/.exec(text);
        if (!found || !text.trimEnd().endsWith("(qemu)")) return;
        socket.off("data", take);
        socket.off("close", gone);
        resolve(Number.parseInt(found[1]!, 16));
      };
      const gone = (): void => reject(new Error("QEMU's monitor is gone"));
      socket.on("data", take);
      socket.once("close", gone);
      socket.write(`xp /1wx 0x${address.toString(16)}\n`);
    });
  return {
    word: (address) => {
      const next = last.then(() => ask(address));
      last = next.catch(() => undefined);
      return next;
    },
    close: () => socket.destroy(),
  };
}
