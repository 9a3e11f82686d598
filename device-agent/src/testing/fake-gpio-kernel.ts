import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Kernel } from "../hardware/gpio-ioctl.js";

const ENOTTY = 25;
const EBUSY = 16;
const EINVAL = 22;
const OUTPUT = 1n << 3n;
const POLLNVAL = 0x20;
const OFFSETS = 58;
const EVENT_BYTES = 48;

interface Line {
  readonly offset: number;
  readonly consumer: string;
  readonly flags: bigint;
  /** Logical value. */
  value: bigint;
  /** Edges that wait to be read. */
  edges: number;
}

/**
 * Answers as linux/gpio.h has it, from structs laid out there: what the driver asks is decoded again here. The chips
 * are files of a folder; a line's descriptor is a copy of its number, never a file.
 */
export class FakeGpioKernel implements Kernel {
  readonly labels = new Map<string, { readonly name: string; readonly label: string }>();
  /** Pins that another program holds. */
  readonly busy = new Set<number>();
  /** Values that outputs were requested or set to, as `17=1`, in that order. */
  readonly written: string[] = [];
  readonly #lines = new Map<number, Line>();
  #errno = 0;
  #next = 1000;

  ioctl(fd: number, request: number, argument: Uint8Array): number {
    const view = Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
    const size = (request >>> 16) & 0x3fff;
    if (((request >>> 8) & 0xff) !== 0xb4 || size !== view.length) return this.#fail(ENOTTY);
    switch (request & 0xff) {
      case 0x01:
        return this.#chipInfo(fd, view);
      case 0x07:
        return this.#getLine(view);
      case 0x0e:
        return this.#withLine(fd, (line) => view.writeBigUInt64LE(line.value & view.readBigUInt64LE(8), 0));
      case 0x0f:
        return this.#withLine(fd, (line) => {
          line.value = view.readBigUInt64LE(0) & view.readBigUInt64LE(8);
          this.written.push(`${String(line.offset)}=${String(line.value)}`);
        });
      default:
        return this.#fail(ENOTTY);
    }
  }

  poll(fds: Uint8Array): number {
    const view = Buffer.from(fds.buffer, fds.byteOffset, fds.byteLength);
    const line = this.#lines.get(view.readInt32LE(0));
    view.writeInt16LE(line ? Number(line.edges > 0) : POLLNVAL, 6);
    return line?.edges === 0 ? 0 : 1;
  }

  errno(): number {
    return this.#errno;
  }

  read(fd: number, bytes: Uint8Array): number {
    const line = this.#lines.get(fd);
    if (!line || line.edges === 0) throw new Error("a read that would wait");
    const count = Math.min(line.edges, Math.floor(bytes.length / EVENT_BYTES));
    line.edges -= count;
    return count * EVENT_BYTES;
  }

  close(fd: number): void {
    if (!this.#lines.delete(fd)) throw new Error("not a line");
  }

  /** A contact moves. */
  move(offset: number, active: boolean): void {
    const line = this.line(offset);
    if (!line) throw new Error(`nobody listens to GPIO ${String(offset)}`);
    line.value = active ? 1n : 0n;
    line.edges += 1;
  }

  /** The chip is gone. */
  removeLines(): void {
    this.#lines.clear();
  }

  line(offset: number): Line | undefined {
    return [...this.#lines.values()].find((line) => line.offset === offset);
  }

  #chipInfo(fd: number, view: Buffer): number {
    const chip = this.labels.get(basename(readlinkSync(`/proc/self/fd/${String(fd)}`)));
    if (!chip) return this.#fail(ENOTTY);
    view.fill(0);
    view.write(chip.name, 0);
    view.write(chip.label, 32);
    view.writeUInt32LE(OFFSETS, 64);
    return 0;
  }

  #getLine(view: Buffer): number {
    const offset = view.readUInt32LE(0);
    const flags = view.readBigUInt64LE(288);
    if (view.readUInt32LE(560) !== 1 || offset >= OFFSETS) return this.#fail(EINVAL);
    if (this.busy.has(offset) || this.line(offset)) return this.#fail(EBUSY);
    let value = 0n;
    for (let at = 0; at < view.readUInt32LE(296); at += 1) {
      const attribute = 320 + 24 * at;
      if (view.readUInt32LE(attribute) !== 2) return this.#fail(EINVAL);
      value = view.readBigUInt64LE(attribute + 8) & view.readBigUInt64LE(attribute + 16);
    }
    if ((flags & OUTPUT) !== 0n) this.written.push(`${String(offset)}=${String(value)}`);
    this.#next += 1;
    const consumer = view.toString("utf8", 256, view.indexOf(0, 256));
    this.#lines.set(this.#next, { offset, consumer, flags, value, edges: 0 });
    view.writeInt32LE(this.#next, 588);
    return 0;
  }

  #withLine(fd: number, work: (line: Line) => void): number {
    const line = this.#lines.get(fd);
    if (!line) return this.#fail(ENOTTY);
    work(line);
    return 0;
  }

  #fail(errno: number): number {
    this.#errno = errno;
    return -1;
  }
}
