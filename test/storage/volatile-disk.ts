import { rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { type Random, below } from "./seeded.js";

const SECTOR = 512;
const FLAGS = { hasFlags: 1, canFlush: 4, canFua: 8 } as const;
const OPTION = { abort: 2, info: 6, go: 7 } as const;
const REPLY = { acknowledged: 1, info: 3, unsupported: 0x8000_0001 } as const;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const EINVAL = 22;

interface Write {
  readonly offset: number;
  readonly data: Buffer;
}

/**
 * A disk with a volatile cache, served as an NBD device on a Unix socket (fixed newstyle handshake): a write is certain
 * after FLUSH, or with FUA, and not before.
 */
export class VolatileDisk {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #content: Buffer;
  #stable: Buffer;
  #pending: Write[] = [];
  flushes = 0;

  constructor(image: Buffer, socket: string) {
    this.#content = Buffer.from(image);
    this.#stable = Buffer.from(image);
    rmSync(socket, { force: true });
    this.#server = createServer((client) => this.#serve(client)).listen(socket);
  }

  /** Each write that was not flushed is lost, kept, or torn: some of its sectors kept. Tells how many of each. */
  cutPower(random: Random, keep: number): { readonly lost: number; readonly kept: number; readonly torn: number } {
    const fate = { lost: 0, kept: 0, torn: 0 };
    for (const { offset, data } of this.#pending.splice(0)) {
      if (random() >= keep) fate.lost += 1;
      else if (data.length > SECTOR && below(random, 3) === 0) {
        fate.torn += 1;
        for (let at = 0; at < data.length; at += SECTOR) {
          if (random() < 0.5) data.copy(this.#stable, offset + at, at, at + SECTOR);
        }
      } else {
        fate.kept += 1;
        data.copy(this.#stable, offset);
      }
    }
    this.#content = Buffer.from(this.#stable);
    return fate;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    // QEMU that is killed ends its connection in any way it likes.
    socket.on("error", () => socket.destroy()).on("close", () => this.#sockets.delete(socket));
    const greeting = Buffer.alloc(18);
    greeting.write("NBDMAGICIHAVEOPT", "latin1");
    greeting.writeUInt16BE(3, 16);
    socket.write(greeting);
    let received = Buffer.alloc(0);
    let take = (bytes: Buffer): number => (bytes.length < 4 ? 0 : 4);
    const steps = [
      take,
      (bytes: Buffer) => this.#option(socket, bytes, next),
      (bytes: Buffer) => this.#command(socket, bytes),
    ];
    let step = 0;
    const next = (): void => {
      step += 1;
      take = steps[step] as typeof take;
    };
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const taken = take(received);
        if (taken === 0) return;
        received = received.subarray(taken);
        if (step === 0) next();
      }
    });
  }

  /** Answers one option of the handshake; the number of bytes it took, 0 where more have to come. */
  #option(socket: Socket, bytes: Buffer, onGo: () => void): number {
    if (bytes.length < 16) return 0;
    const [option, length] = [bytes.readUInt32BE(8), bytes.readUInt32BE(12)];
    if (bytes.length < 16 + length) return 0;
    const reply = (type: number, data = Buffer.alloc(0)): void => {
      const head = Buffer.alloc(20);
      head.writeBigUInt64BE(0x3e889045565a9n, 0);
      head.writeUInt32BE(option, 8);
      head.writeUInt32BE(type, 12);
      head.writeUInt32BE(data.length, 16);
      socket.write(Buffer.concat([head, data]));
    };
    if (option === OPTION.go || option === OPTION.info) {
      const info = Buffer.alloc(12);
      info.writeBigUInt64BE(BigInt(this.#content.length), 2);
      info.writeUInt16BE(FLAGS.hasFlags | FLAGS.canFlush | FLAGS.canFua, 10);
      reply(REPLY.info, info);
      reply(REPLY.acknowledged);
      if (option === OPTION.go) onGo();
    } else if (option === OPTION.abort) {
      reply(REPLY.acknowledged);
      socket.end();
    } else reply(REPLY.unsupported);
    return 16 + length;
  }

  #command(socket: Socket, bytes: Buffer): number {
    if (bytes.length < 28) return 0;
    const [flags, type, length] = [bytes.readUInt16BE(4), bytes.readUInt16BE(6), bytes.readUInt32BE(24)];
    const offset = Number(bytes.readBigUInt64BE(16));
    const taken = type === COMMAND.write ? 28 + length : 28;
    if (bytes.length < taken) return 0;
    const answer = Buffer.alloc(16);
    answer.writeUInt32BE(0x67446698, 0);
    bytes.copy(answer, 8, 8, 16);
    if (type === COMMAND.read) socket.write(Buffer.concat([answer, this.#content.subarray(offset, offset + length)]));
    else if (type === COMMAND.write) {
      this.#write({ offset, data: Buffer.from(bytes.subarray(28, taken)) }, (flags & 1) === 1);
      socket.write(answer);
    } else if (type === COMMAND.flush) {
      this.flushes += 1;
      for (const { offset: at, data } of this.#pending.splice(0)) data.copy(this.#stable, at);
      socket.write(answer);
    } else if (type === COMMAND.disconnect) socket.end();
    else {
      answer.writeUInt32BE(EINVAL, 4);
      socket.write(answer);
    }
    return taken;
  }

  #write(write: Write, isForced: boolean): void {
    write.data.copy(this.#content, write.offset);
    if (isForced) write.data.copy(this.#stable, write.offset);
    else this.#pending.push(write);
  }
}
