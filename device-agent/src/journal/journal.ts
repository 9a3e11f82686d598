import { Worker } from "node:worker_threads";
import { randomBytes, type RowPosition, type UsageRow } from "@badgekey/shared";
import type { Journal, JournalHead, MarkChanges, OpenedJournal } from "../ports.js";
import type {
  JournalFailure,
  JournalReply,
  JournalRequest,
  JournalResult,
  JournalSettings,
  SalvageReport,
} from "./journal-protocol.js";

export type { SalvageReport } from "./journal-protocol.js";

export interface JournalOptions extends JournalSettings {
  /** Draws the 16 bytes of salt of each row. */
  readonly random?: (length: number) => Uint8Array;
}

/** The journal could not do what was asked; `code` is SQLite's, where it was SQLite. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly code: string | undefined;

  constructor(failure: JournalFailure) {
    super(failure.message);
    this.code = failure.code;
  }
}

// A thread loads built files only; from the sources, as in unit tests, the built twin is taken.
const worker = import.meta.url.endsWith(".ts") ? "../../dist/journal/journal-worker.js" : "./journal-worker.js";

const SALT_LENGTH = 16;

/** Rows pass through one at a time: without a limit V8 lets the thread's garbage grow to tens of megabytes. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/**
 * Opens the journal in a thread of its own and begins a new boot (SAFETY R18, R20; SPEC 6). Damage is salvaged and
 * reported, and goes on being reported until the first append. Rejects with a JournalError when another process has it
 * open (code SQLITE_BUSY), when it belongs to another site or agent, or when the disk cannot be used.
 */
export async function openJournal(
  options: JournalOptions,
): Promise<OpenedJournal & { readonly salvage?: SalvageReport }> {
  const { path, site, agent, bootFloor, random = randomBytes } = options;
  if (site.length !== 32) throw new RangeError(`site is ${site.length} bytes; 32 are needed`);
  if (!Number.isSafeInteger(bootFloor) || bootFloor < 0)
    throw new RangeError("bootFloor must be a whole number of seconds");
  const settings: JournalSettings = { path, site: new Uint8Array(site), agent, bootFloor };
  const thread = new Worker(new URL(worker, import.meta.url), {
    workerData: settings,
    name: "journal",
    execArgv: [],
    resourceLimits,
  });
  const opened = await firstReply(thread);
  if (opened.kind === "refused") {
    await thread.terminate();
    throw new JournalError(refusal(path, opened.failure));
  }
  const { head, marks, salvage } = opened;
  return { journal: new ThreadJournal(thread, random), head, marks, ...(salvage ? { salvage } : {}) };
}

type FirstReply = Extract<JournalReply, { kind: "opened" | "refused" }>;

function firstReply(thread: Worker): Promise<FirstReply> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => reject(error instanceof Error ? error : new Error(String(error)));
    const onExit = (): void => reject(new Error("the journal's thread ended before it had opened the file"));
    thread.once("error", onError);
    thread.once("exit", onExit);
    thread.once("message", (reply: FirstReply) => {
      thread.off("error", onError);
      thread.off("exit", onExit);
      resolve(reply);
    });
  });
}

function refusal(path: string, failure: JournalFailure): JournalFailure {
  if (!failure.code?.startsWith("SQLITE_BUSY")) return { ...failure, message: `${path}: ${failure.message}` };
  return { ...failure, message: `${path} is in use by another process: stop that one first` };
}

/** A request without its number, each member of the union for itself. */
type Question<R = JournalRequest> = R extends JournalRequest ? Omit<R, "id"> : never;

interface Waiter {
  readonly resolve: (result: JournalResult) => void;
  readonly reject: (error: Error) => void;
}

class ThreadJournal implements Journal {
  readonly #thread: Worker;
  readonly #random: (length: number) => Uint8Array;
  readonly #waiting = new Map<number, Waiter>();
  readonly #ended: Promise<void>;
  #asked = 0;
  #end: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(thread: Worker, random: (length: number) => Uint8Array) {
    this.#thread = thread;
    this.#random = random;
    thread.on("message", (reply: JournalReply) => this.#onReply(reply));
    thread.on("error", (error: unknown) => {
      this.#fail(new Error("the journal's thread failed; restart the agent", { cause: error }));
    });
    this.#ended = new Promise((resolve) => {
      thread.once("exit", () => {
        this.#fail(new JournalError({ message: "the journal is closed" }));
        resolve();
      });
    });
  }

  async append(bodies: readonly Uint8Array[], marks?: MarkChanges): Promise<JournalHead> {
    const rows = bodies.map((body) => ({ body: new Uint8Array(body), salt: this.#random(SALT_LENGTH) }));
    const changes = [...(marks ?? [])].map(([name, value]) => [name, value && new Uint8Array(value)] as const);
    return (await this.#ask({ kind: "append", rows, marks: changes })) as JournalHead;
  }

  async rowsAfter(after: RowPosition | undefined, limit: number): Promise<readonly UsageRow[]> {
    const from = after && { boot: after.boot, sequence: after.sequence };
    return (await this.#ask({ kind: "rowsAfter", after: from, limit })) as readonly UsageRow[];
  }

  async acknowledge(upTo: RowPosition, chain: Uint8Array): Promise<"dropped" | "mismatch"> {
    const { boot, sequence } = upTo;
    const question = { kind: "acknowledge", upTo: { boot, sequence }, chain: new Uint8Array(chain) } as const;
    return (await this.#ask(question)) as "dropped" | "mismatch";
  }

  async pendingCount(): Promise<number> {
    return (await this.#ask({ kind: "pendingCount" })) as number;
  }

  /** Waits for what was asked before; safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#end ? this.#ended : this.#ask({ kind: "close" }).then(() => this.#ended);
    return this.#closing;
  }

  #ask(question: Question): Promise<JournalResult> {
    if (this.#end) return Promise.reject(this.#end);
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread.postMessage({ ...question, id });
    });
  }

  #onReply(reply: JournalReply): void {
    if (reply.kind !== "done" && reply.kind !== "failed") return;
    const waiter = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "done") waiter?.resolve(reply.result);
    else waiter?.reject(new JournalError(reply.failure));
  }

  #fail(error: Error): void {
    this.#end ??= error;
    for (const waiter of this.#waiting.values()) waiter.reject(this.#end);
    this.#waiting.clear();
  }
}
