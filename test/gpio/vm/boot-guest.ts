import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type GuestKernel, REPOSITORY } from "./guest-kernel.js";

/*
 * A small virtual machine on Debian's 6.12 kernel, in software emulation: about 4 s to its root, 10 s for a trivial
 * command.
 *
 *     const kernel = await guestKernel(cacheFolder(process.env), console.error);       // cached; built in a minute
 *     const guest = await bootGuest({ kernel, command: "node test/dist/x.js", onLine: console.log });
 *     const end = await guest.ended;                                                    // { kind: "exited", code: 0 }
 *     await guest.remove();
 *
 * - The guest's root is this machine's root, read-only over 9p, with a tmpfs on top: node, node_modules and the
 *   repository are there under their own paths, and nothing the guest writes remains. /tmp and /run are the guest's own.
 * - `command` is bash, run as root in the repository's folder. Its standard output and error are the console: `onLine`
 *   gets each line, among the kernel's own. To report to the host, print lines with a mark of your own.
 * - `guest.folder` on the host is /out in the guest, read and write, without a cache: acknowledgements written there are
 *   on the host at once.
 * - `disks` are /dev/vda, /dev/vdb … : a raw image, or an NBD server's Unix socket (an own disk with a volatile
 *   cache).
 * - `guest.cutPower()` ends QEMU by SIGKILL: what left the guest stays, what the guest had cached is lost.
 * - gpio-sim is loaded, with no chip yet: configfs, debugfs and tracefs are mounted under /sys/kernel.
 * - One guest at a time on a machine: the next waits for a lock, and `timeoutMs` counts from the first line of the
 *   console.
 */

export type GuestDisk =
  | { readonly kind: "image"; readonly file: string }
  /** A server on a Unix socket; every write and flush reaches it as the guest sends it. */
  | { readonly kind: "nbd"; readonly socket: string };

export interface GuestOptions {
  readonly kernel: GuestKernel;
  /** A bash script; the guest powers off after it. */
  readonly command: string;
  /** `systemd` runs the command as a service under systemd as the first process, a few seconds slower. */
  readonly init?: "plain" | "systemd";
  readonly disks?: readonly GuestDisk[];
  /**
   * From `makeSoftwareImage`: takes the repository's place, read-only. For programs of many files, which 9p makes slow.
   */
  readonly software?: string;
  readonly memoryMb?: number;
  readonly timeoutMs?: number;
  readonly onLine?: (line: string) => void;
}

export type GuestEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "cut" }
  | { readonly kind: "timedOut" }
  /**
   * It ended without a result: a panic, or QEMU could not start. `console` holds the last lines; `isUp` tells whether
   * the kernel came to our init.
   */
  | { readonly kind: "failed"; readonly isUp: boolean; readonly console: string };

export interface Guest {
  /** The host's side of /out. */
  readonly folder: string;
  readonly ended: Promise<GuestEnd>;
  /** As if the plug were pulled; resolves when the machine is gone. */
  cutPower(): Promise<void>;
  /** Ends the machine if it runs, and removes its folder. */
  remove(): Promise<void>;
}

const KEPT_LINES = 60;
const MOST_BOOTS = 3;

/** For a guest whose kernel did not even come to our init. */
export class NotBootedError extends Error {
  override readonly name = "NotBootedError";
}

/**
 * Does it again when it rejects with a NotBootedError: a fault of the emulator, where the kernel patches itself while
 * another emulated core runs. Nothing of ours has run then.
 */
export async function untilBooted<T>(boot: () => Promise<T>, say: (line: string) => void): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await boot();
    } catch (error) {
      if (!(error instanceof NotBootedError) || attempt === MOST_BOOTS) throw error;
      say(`the guest's kernel did not come up; booting it again (${attempt} of ${MOST_BOOTS - 1})`);
    }
  }
}

/** Starts a guest and resolves at once; its end, whatever it is, resolves `ended`. Rejects where QEMU is missing. */
export async function bootGuest(options: GuestOptions): Promise<Guest> {
  const folder = await mkdtemp(join(tmpdir(), "badgekey-guest-"));
  const shared = join(folder, "out");
  await mkdir(shared);
  await writeFile(join(shared, "command.sh"), `cd "${REPOSITORY}" || exit\n${options.command}\n`);
  const child = startQemu("qemu-system-x86_64", qemuArguments(options, shared));
  const console: string[] = [];
  let why: "ended" | "cut" | "timedOut" = "ended";
  let timer: NodeJS.Timeout | undefined;
  const kill = (reason: "cut" | "timedOut"): void => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    why = reason;
    child.kill("SIGKILL");
  };
  let isUp = false;
  const hear = (line: string): void => {
    if (line.startsWith("init: ")) isUp = true;
    timer ??= setTimeout(() => kill("timedOut"), options.timeoutMs ?? 120_000);
    console.push(line);
    if (console.length > KEPT_LINES) console.shift();
    options.onLine?.(line);
  };
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on("line", (line) => hear(plainText(line)));
  }
  const gone = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  }).finally(() => clearTimeout(timer));
  const ended = gone.then(async (): Promise<GuestEnd> => {
    if (why !== "ended") return { kind: why };
    const code = await readFile(join(shared, "exit-code"), "utf8").catch(() => undefined);
    return code === undefined
      ? { kind: "failed", isUp, console: console.join("\n") }
      : { kind: "exited", code: Number(code) };
  });
  return {
    folder: shared,
    ended,
    cutPower: async () => {
      kill("cut");
      await gone;
    },
    remove: async () => {
      kill("cut");
      await gone.catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * QEMU as a child of this process, which ends with it. The lock's file is held by QEMU itself: a machine of two cores
 * runs one guest at a time.
 */
export function startQemu(program: string, qemu: readonly string[]): ChildProcess {
  const lock = ["--no-fork", join(tmpdir(), "badgekey-guest.lock")];
  const child = spawn("flock", [...lock, program, ...qemu], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("close", () => process.off("exit", kill));
  return child;
}

function qemuArguments(options: GuestOptions, shared: string): readonly string[] {
  const { kernel, init = "plain", disks = [], memoryMb = 1024 } = options;
  const settings = `badgekey.repository=${REPOSITORY} badgekey.init=${init}`;
  // No newer processor: AVX and five-level page tables cost an emulator a third of its speed.
  return [
    ...["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "2", "-m", String(memoryMb)],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none", "-nic", "none"],
    ...["-serial", "stdio", "-kernel", kernel.vmlinuz, "-initrd", kernel.initrd],
    ...["-append", `console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off ${settings} systemd.show_status=0`],
    ...share("host", "/", true),
    ...share("out", shared, false),
    ...disks.flatMap(diskArguments),
    // The last, so that the others keep their names; the guest knows it by its serial number.
    ...(options.software === undefined
      ? []
      : [
          ...["-blockdev", `driver=file,filename=${options.software},node-name=software,read-only=on`],
          ...["-device", "virtio-blk-pci,drive=software,serial=software"],
        ]),
  ];
}

function share(tag: string, path: string, isReadOnly: boolean): readonly string[] {
  const right = isReadOnly ? ",readonly=on" : "";
  return ["-virtfs", `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${right}`];
}

function diskArguments(disk: GuestDisk, index: number): readonly string[] {
  const from =
    disk.kind === "image"
      ? `driver=file,filename=${disk.file}`
      : `driver=nbd,server.type=unix,server.path=${disk.socket},cache.direct=on`;
  const name = `disk${index}`;
  return ["-blockdev", `${from},node-name=${name}`, "-device", `virtio-blk-pci,drive=${name}`];
}

/** A console's line without its colours and carriage returns. */
function plainText(line: string): string {
  return line.replace(/\u001b\[[0-9;?]*[A-Za-z]|[\r\u0000]/g, "").trimEnd();
}
