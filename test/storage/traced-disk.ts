import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Random } from "./seeded.js";

const OPERATIONS = [undefined, "open", "write", "truncate", "sync", "rename", "unlink", "link", "close"] as const;

/** One thing that a program did to its files, as the fault layer wrote it down. */
export interface TraceStep {
  readonly operation: NonNullable<(typeof OPERATIONS)[number]>;
  readonly fd: number;
  /** Of a write; for a truncation the new length; for an opening its flags. */
  readonly offset: number;
  readonly path: string;
  /** Of a write the bytes; of a rename or link the other name. */
  readonly data: Buffer;
}

export function readTrace(trace: Buffer): readonly TraceStep[] {
  const steps: TraceStep[] = [];
  for (let at = 0; at < trace.length;) {
    const operation = OPERATIONS[trace.readUInt32LE(at)];
    const [pathLength, dataLength] = [trace.readUInt32LE(at + 16), trace.readUInt32LE(at + 20)];
    const [path, data] = [at + 24, at + 24 + pathLength];
    if (!operation) throw new Error(`the trace makes no sense at byte ${String(at)}`);
    steps.push({
      operation,
      fd: trace.readInt32LE(at + 4),
      offset: Number(trace.readBigUInt64LE(at + 8)),
      path: trace.toString("utf8", path, data),
      data: trace.subarray(data, data + dataLength),
    });
    at = data + dataLength;
  }
  return steps;
}

interface Write {
  readonly offset: number;
  /** Undefined for a truncation. */
  readonly data: Buffer | undefined;
}

class Inode {
  durable: Buffer = Buffer.alloc(0);
  pending: Write[] = [];

  sync(): void {
    for (const write of this.pending.splice(0)) this.durable = applied(this.durable, write);
  }
}

type Name =
  | { readonly kind: "set"; readonly name: string; readonly inode: Inode }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "move"; readonly from: string; readonly name: string; readonly inode: Inode };

class Folder {
  readonly durable = new Map<string, Inode>();
  readonly now = new Map<string, Inode>();
  pending: Name[] = [];

  change(name: Name): void {
    apply(this.now, name);
    this.pending.push(name);
  }

  sync(): void {
    for (const name of this.pending.splice(0)) apply(this.durable, name);
  }
}

function apply(names: Map<string, Inode>, change: Name): void {
  if (change.kind === "move") names.delete(change.from);
  if (change.kind === "remove") names.delete(change.name);
  else names.set(change.name, change.inode);
}

function applied(content: Buffer, { offset, data }: Write): Buffer {
  if (!data) return offset <= content.length ? content.subarray(0, offset) : grown(content, offset);
  const next = grown(content, Math.max(content.length, offset + data.length));
  data.copy(next, offset);
  return next;
}

function grown(content: Buffer, length: number): Buffer {
  const next = Buffer.alloc(length);
  content.copy(next);
  return next;
}

/** What a power cut does with what was not synced. Each write and each name for itself; names are changed whole. */
export interface CutStyle {
  /** How probably each is kept. */
  readonly keep: number;
  /** How probably a write that is kept is torn: each of its sectors of 512 bytes is then kept or not. */
  readonly tear: number;
}

/**
 * The disk under a traced program, replayed: content is certain after fsync of its file, names after fsync of their
 * folder, and nothing else is.
 */
export class TracedDisk {
  readonly #root: string;
  readonly #folders = new Map<string, Folder>();
  readonly #open = new Map<number, Inode | Folder>();

  /** `folders` were there before the program began. */
  constructor(root: string, folders: readonly string[]) {
    this.#root = root;
    for (const folder of ["", ...folders]) this.#folders.set(join(root, folder), new Folder());
  }

  play(step: TraceStep): void {
    const open = this.#open.get(step.fd);
    switch (step.operation) {
      case "open":
        this.#open.set(step.fd, this.#folders.get(step.path) ?? this.#opened(step));
        return;
      case "close":
        this.#open.delete(step.fd);
        return;
      case "write":
      case "truncate":
        if (!(open instanceof Inode)) throw new Error(`a ${step.operation} to no file`);
        open.pending.push({ offset: step.offset, data: step.operation === "write" ? step.data : undefined });
        return;
      case "sync":
        open?.sync();
        return;
      case "rename":
      case "link": {
        const [folder, from] = this.#place(step.path);
        const [, name] = this.#place(step.data.toString("utf8"));
        const inode = folder.now.get(from);
        if (!inode) throw new Error(`no file ${step.path}`);
        folder.change(step.operation === "link" ? { kind: "set", name, inode } : { kind: "move", from, name, inode });
        return;
      }
      case "unlink": {
        const [folder, name] = this.#place(step.path);
        folder.change({ kind: "remove", name });
      }
    }
  }

  /** Writes the disk as the next start may find it into a folder. */
  writeAfterCut(target: string, { keep, tear }: CutStyle, random: Random): void {
    const contents = new Map<Inode, Buffer>();
    for (const [path, folder] of this.#folders) {
      const names = new Map(folder.durable);
      for (const change of folder.pending) if (random() < keep) apply(names, change);
      const place = join(target, path.slice(this.#root.length));
      rmSync(place, { recursive: true, force: true });
      mkdirSync(place, { recursive: true, mode: 0o700 });
      for (const [name, inode] of names) {
        const content = contents.get(inode) ?? contentAfterCut(inode, { keep, tear }, random);
        contents.set(inode, content);
        writeFileSync(join(place, name), content, { mode: 0o600 });
      }
    }
  }

  #opened({ path, offset: flags }: TraceStep): Inode {
    const [folder, name] = this.#place(path);
    let inode = folder.now.get(name);
    if (!inode) {
      inode = new Inode();
      folder.change({ kind: "set", name, inode });
    } else if ((flags & O_TRUNC) !== 0) inode.pending.push({ offset: 0, data: undefined });
    return inode;
  }

  #place(path: string): readonly [Folder, string] {
    const folder = this.#folders.get(dirname(path));
    if (!folder) throw new Error(`no folder for ${path}`);
    return [folder, basename(path)];
  }
}

const O_TRUNC = 0o1000;
const SECTOR = 512;

function contentAfterCut({ durable, pending }: Inode, { keep, tear }: CutStyle, random: Random): Buffer {
  let content = durable;
  for (const write of pending) {
    if (random() >= keep) continue;
    if (!write.data || random() >= tear) content = applied(content, write);
    else for (const sector of sectorsOf(write)) if (random() < 0.5) content = applied(content, sector);
  }
  return content;
}

function* sectorsOf({ offset, data }: Write): Generator<Write> {
  const end = offset + (data?.length ?? 0);
  for (let at = offset; at < end;) {
    const next = Math.min(end, (Math.floor(at / SECTOR) + 1) * SECTOR);
    yield { offset: at, data: data?.subarray(at - offset, next - offset) };
    at = next;
  }
}
