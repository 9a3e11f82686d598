import { closeSync, openSync, readSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { userInfo } from "node:os";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";
import { DriverMissingError, type Pin } from "./line.js";
import { HEADER_CHIPS } from "./gpio-pins.js";

/**
 * The GPIO character device, uAPI v2 (linux/gpio.h), straight by ioctl: no libgpiod, whose interface differs between
 * releases, and no compiler. Everything here is synchronous. Offsets and sizes in bytes are those of the kernel's
 * structs.
 */

const GPIO_GET_CHIPINFO = 0x8044_b401;
const GPIO_V2_GET_LINE = 0xc250_b407;
const GPIO_V2_LINE_GET_VALUES = 0xc010_b40e;
const GPIO_V2_LINE_SET_VALUES = 0xc010_b40f;

const FLAG = {
  activeLow: 1n << 1n,
  input: 1n << 2n,
  output: 1n << 3n,
  edgeRising: 1n << 4n,
  edgeFalling: 1n << 5n,
  pullUp: 1n << 8n,
  pullDown: 1n << 9n,
} as const;
const ATTRIBUTE_OUTPUT_VALUES = 2;

const CHIPINFO_BYTES = 68;
const NAME_BYTES = 32;
const REQUEST = { bytes: 592, consumer: 256, flags: 288, attributeCount: 296, attribute: 320, lineCount: 560, fd: 588 };
const VALUES_BYTES = 16;
const EVENT_BYTES = 48;
const MOST_EVENTS = 64;
const POLLFD_BYTES = 8;
const POLLIN = 1;

/**
 * What is done with descriptors. `ioctl` and `poll` are the C library's: negative where they failed, and `errno` says
 * why.
 */
export interface Kernel {
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  poll(fds: Uint8Array, count: number, timeoutMs: number): number;
  errno(): number;
  /** Number of bytes read into `bytes`. */
  read(fd: number, bytes: Uint8Array): number;
  close(fd: number): void;
}

/** Throws a DriverMissingError where the binding koffi is not installed, or has no build for this machine. */
export function loadKernel(): Kernel {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    const libc = koffi.load("libc.so.6");
    return {
      ioctl: libc.func("int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)") as Kernel["ioctl"],
      poll: libc.func("int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)") as Kernel["poll"],
      errno: () => koffi.errno(),
      read: (fd, bytes) => readSync(fd, bytes, 0, bytes.length, null),
      close: closeSync,
    };
  } catch (cause) {
    throw new DriverMissingError("the relay driver chardev needs the package koffi, which cannot be loaded", {
      hint: "npm ci, or write `driver: sysfs` under `relay`",
      cause,
    });
  }
}

export interface ChipQuery {
  /** Where the kernel shows its devices; another folder in tests. */
  readonly root?: string;
  /** Another label than those of the Raspberry Pi's own chips. */
  readonly chipLabel?: string | undefined;
}

/** A request that the kernel refused; `code` is the errno's name, as Node's own errors carry it. */
export class IoctlError extends Error {
  override readonly name = "IoctlError";
  readonly code: string;

  constructor(what: string, errno: number) {
    const [code, words] = getSystemErrorMap().get(-errno) ?? [`errno ${String(errno)}`, "unknown"];
    super(`${what}: ${words} (${code})`);
    this.code = code;
  }
}

/**
 * Path of the device whose chip carries the header's pins. Throws a DriverMissingError where there is no such chip,
 * more than one, or no permission to look at them.
 */
export function findChip(kernel: Kernel, { root = "/dev", chipLabel }: ChipQuery = {}): string {
  const wanted = chipLabel === undefined ? HEADER_CHIPS : [chipLabel];
  const chips = readChips(kernel, root);
  const fitting = chips.filter(({ label }) => wanted.includes(label));
  const [chip] = fitting;
  if (!chip) {
    const seen = chips.map(({ label }) => label).join(", ") || "none";
    throw new DriverMissingError(`no GPIO chip labelled ${wanted.join(" or ")} under ${root} (found: ${seen})`, {
      hint: "run the agent on a Raspberry Pi, or write another board's `chipLabel` as `gpiodetect` shows it",
    });
  }
  // The Pi's own system shows one chip under two names.
  if (fitting.some(({ name }) => name !== chip.name)) {
    const names = fitting.map(({ path, label }) => `${path} (${label})`).join(", ");
    throw new DriverMissingError(`more than one GPIO chip could carry the pins: ${names}`, {
      hint: "write `driver: sysfs` and `base` under `relay`",
    });
  }
  return chip.path;
}

interface Chip {
  readonly path: string;
  readonly name: string;
  readonly label: string;
}

function readChips(kernel: Kernel, root: string): readonly Chip[] {
  const paths = readdirSync(root)
    .filter((name) => /^gpiochip\d+$/.test(name))
    .map((name) => join(root, name));
  return paths.map((path) => {
    const info = Buffer.alloc(CHIPINFO_BYTES);
    withChip(path, (fd) => must(kernel, "GPIO_GET_CHIPINFO", kernel.ioctl(fd, GPIO_GET_CHIPINFO, info)));
    return { path, name: textIn(info, 0), label: textIn(info, NAME_BYTES) };
  });
}

function textIn(bytes: Buffer, at: number): string {
  const field = bytes.subarray(at, at + NAME_BYTES);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? NAME_BYTES : end);
}

function withChip<T>(path: string, work: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path, "r+");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") throw cause;
    const hint = `sudo usermod -aG gpio ${userInfo().username}`;
    throw new DriverMissingError(`no permission to use ${path}`, { hint, cause });
  }
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function must(kernel: Kernel, what: string, result: number): number {
  if (result < 0) throw new IoctlError(what, kernel.errno());
  return result;
}

/**
 * A line that the kernel has given to this process, until it is closed or the process ends; nothing else lets it go.
 */
export class KernelLine {
  readonly #kernel: Kernel;
  readonly #fd: number;

  private constructor(kernel: Kernel, fd: number) {
    this.#kernel = kernel;
    this.#fd = fd;
  }

  /** Becomes an output at its inactive level in one step: there is no moment at another (SAFETY R1). */
  static output(kernel: Kernel, chip: string, pin: Pin): KernelLine {
    const request = Buffer.alloc(REQUEST.bytes);
    request.writeUInt32LE(1, REQUEST.attributeCount);
    request.writeUInt32LE(ATTRIBUTE_OUTPUT_VALUES, REQUEST.attribute);
    // The attribute's value stays 0, which is "inactive" whatever the polarity; the mask names the one line.
    request.writeBigUInt64LE(1n, REQUEST.attribute + 16);
    return KernelLine.#request(kernel, chip, { pin, flags: FLAG.output, request });
  }

  /** Pulled to its inactive level, where the chip can do that; tells of each edge. */
  static input(kernel: Kernel, chip: string, pin: Pin): KernelLine {
    const pull = pin.activeLow ? FLAG.pullUp : FLAG.pullDown;
    const flags = FLAG.input | FLAG.edgeRising | FLAG.edgeFalling | pull;
    return KernelLine.#request(kernel, chip, { pin, flags, request: Buffer.alloc(REQUEST.bytes) });
  }

  static #request(
    kernel: Kernel,
    chip: string,
    { pin, flags, request }: { readonly pin: Pin; readonly flags: bigint; readonly request: Buffer },
  ): KernelLine {
    request.writeUInt32LE(pin.pin, 0);
    request.write("badgekey", REQUEST.consumer);
    request.writeBigUInt64LE(flags | (pin.activeLow ? FLAG.activeLow : 0n), REQUEST.flags);
    request.writeUInt32LE(1, REQUEST.lineCount);
    withChip(chip, (fd) => must(kernel, `GPIO ${String(pin.pin)}`, kernel.ioctl(fd, GPIO_V2_GET_LINE, request)));
    return new KernelLine(kernel, request.readInt32LE(REQUEST.fd));
  }

  /** Logical value: polarity is the kernel's affair. */
  get(): boolean {
    const values = Buffer.alloc(VALUES_BYTES);
    values.writeBigUInt64LE(1n, 8);
    must(this.#kernel, "reading the line", this.#kernel.ioctl(this.#fd, GPIO_V2_LINE_GET_VALUES, values));
    return (values.readUInt8(0) & 1) === 1;
  }

  set(active: boolean): void {
    const values = Buffer.alloc(VALUES_BYTES);
    values.writeBigUInt64LE(active ? 1n : 0n, 0);
    values.writeBigUInt64LE(1n, 8);
    must(this.#kernel, "setting the line", this.#kernel.ioctl(this.#fd, GPIO_V2_LINE_SET_VALUES, values));
  }

  /** How many edges the kernel kept since the last call, up to 64; the oldest were dropped where there were more. */
  takeEdges(): number {
    const pollfd = Buffer.alloc(POLLFD_BYTES);
    pollfd.writeInt32LE(this.#fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    if (must(this.#kernel, "polling the line", this.#kernel.poll(pollfd, 1, 0)) === 0) return 0;
    const revents = pollfd.readInt16LE(6);
    // Never read without something to read: that would wait, and with it the holder.
    if ((revents & POLLIN) === 0) throw new Error(`the kernel took the line away (revents ${String(revents)})`);
    return this.#kernel.read(this.#fd, Buffer.alloc(EVENT_BYTES * MOST_EVENTS)) / EVENT_BYTES;
  }

  close(): void {
    this.#kernel.close(this.#fd);
  }
}
