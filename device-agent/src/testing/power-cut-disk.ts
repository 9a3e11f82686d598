import type { Disk } from "../site-state/durable-folder.js";

/** The power went: nothing is done any more, and what was under way may be done in part. */
export class PowerCutError extends Error {
  override readonly name = "PowerCutError";
}

interface Inode {
  content: Uint8Array;
}
type Names = ReadonlyMap<string, Inode>;

/**
 * A disk in memory that forgets as real ones do: content is there after `writeSynced`, names only after `syncNames`;
 * what is not synced survives a cut up to a point of the disk's own choosing, in order.
 */
export class PowerCutDisk implements Disk {
  #durable: Map<string, Inode>;
  #names: Map<string, Inode>;
  #pending: ((names: Map<string, Inode>) => void)[] = [];
  #left = Number.POSITIVE_INFINITY;
  /** Operations done that change something. */
  operations = 0;

  constructor(names: Names = new Map()) {
    this.#durable = new Map(names);
    this.#names = new Map(names);
  }

  /** Lets `operations` more succeed; the next one is cut in the middle. */
  cutAfter(operations: number): void {
    this.#left = operations;
  }

  /** The disk as the next boot finds it; `keeps` in [0, 1] is how much of what was not synced survived. */
  afterCut(keeps: number): PowerCutDisk {
    const names = new Map(this.#durable);
    for (const apply of this.#pending.slice(0, Math.round(keeps * this.#pending.length))) apply(names);
    return new PowerCutDisk(new Map([...names].map(([name, { content }]) => [name, { content }])));
  }

  /** Changes a file behind everyone's back, as rot does. */
  damage(name: string, change: (content: Uint8Array) => Uint8Array): void {
    const inode = this.#names.get(name);
    if (!inode) throw new Error(`no file ${name} to damage`);
    inode.content = change(new Uint8Array(inode.content));
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#names.keys()]);
  }

  read(name: string, mostBytes: number): Promise<Uint8Array | undefined> {
    const content = this.#names.get(name)?.content;
    return Promise.resolve(content && content.length <= mostBytes ? new Uint8Array(content) : undefined);
  }

  writeSynced(name: string, bytes: Uint8Array): Promise<void> {
    return this.#do((done) => {
      let inode = this.#names.get(name);
      if (!inode) {
        inode = { content: new Uint8Array() };
        this.#setName(name, inode);
      }
      inode.content = new Uint8Array(bytes.subarray(0, done ? bytes.length : Math.floor(bytes.length / 2)));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do((done) => {
      const inode = this.#names.get(from);
      if (!inode) throw new Error(`no file ${from}`);
      if (!done) return;
      const move = (names: Map<string, Inode>): void => {
        names.delete(from);
        names.set(to, inode);
      };
      move(this.#names);
      this.#pending.push(move);
    });
  }

  remove(name: string): Promise<void> {
    return this.#do((done) => {
      if (!done) return;
      this.#names.delete(name);
      this.#pending.push((names) => names.delete(name));
    });
  }

  syncNames(): Promise<void> {
    return this.#do((done) => {
      if (!done) return;
      for (const apply of this.#pending.splice(0)) apply(this.#durable);
    });
  }

  #setName(name: string, inode: Inode): void {
    this.#names.set(name, inode);
    this.#pending.push((names) => names.set(name, inode));
  }

  async #do(apply: (done: boolean) => void): Promise<void> {
    if (this.#left < 0) throw new PowerCutError("the power is off");
    const done = this.#left > 0;
    this.#left -= 1;
    apply(done);
    if (!done) {
      this.#left = -1;
      throw new PowerCutError("the power was cut");
    }
    this.operations += 1;
    return Promise.resolve();
  }
}
