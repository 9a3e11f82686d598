import { Worker } from "node:worker_threads";
import { randomBytes, type RowPosition, type UsageRow } from "@badgekey/shared";
import type { Journal, JournalEvent, JournalHead, JournalStorage, MarkChanges, OpenedJournal } from "../ports.js";
import type {
  JournalFailure,
  JournalReply,
  JournalRequest,
  JournalResult,
  JournalSettings,
} from "./journal-protocol.js";

export type { SalvageReport } from "./journal-protocol.js";

export interface JournalOptions
  extends
    Pick<JournalSettings, "path" | "site" | "agent" | "bootFloor" | "bootsFile">,
    Partial<Pick<JournalSettings, "ballastBytes" | "storageEveryMs">> {
  /** Draws the 16 bytes of salt of each row. */
  readonly random?: (length: number) => Uint8Array;
  /**
   * Pause before a thread that ended is replaced, ms; doubled up to 64 times as long while that fails. 100 unless
   * given.
   */
  readonly replaceAfterMs?: number;
  /** The thread's program; for tests that need one which dies. */
  readonly thread?: URL;
}

/** The journal could not do what was asked; `code` is SQLite's, where it was SQLite. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  readonly code: string | undefined;

  constructor(failure: JournalFailure, options?: ErrorOptions) {
    super(failure.message, options);
    this.code = failure.code;
  }
}

// A thread loads built files only; from the sources, as in unit tests, the built twin is taken.
const worker = import.meta.url.endsWith(".ts") ? "../../dist/journal/journal-worker.js" : "./journal-worker.js";

const SALT_LENGTH = 16;

/** Rows pass through one at a time: without a limit V8 lets the thread's garbage grow to tens of megabytes. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

const BALLAST_BYTES = 4 * 1024 * 1024;
const STORAGE_EVERY_MS = 30_000;
const REPLACE_AFTER_MS = 100;
const MOST_DOUBLINGS = 6;

/**
 * Opens the journal in a thread of its own and begins a new boot (SAFETY R18, R20; SPEC 6). Damage is salvaged and
 * reported, and goes on being reported until the first append. A thread that ends is replaced. Rejects with a
 * JournalError when another process has it open (code SQLITE_BUSY), when it belongs to another site or agent, or when
 * the disk cannot be used.
 */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal> {
  const { path, site, agent, bootFloor, bootsFile, random = randomBytes } = options;
  if (site.length !== 32) throw new RangeError(`site is ${site.length} bytes; 32 are needed`);
  if (!Number.isSafeInteger(bootFloor) || bootFloor < 0)
    throw new RangeError("bootFloor must be a whole number of seconds");
  const { ballastBytes = BALLAST_BYTES, storageEveryMs = STORAGE_EVERY_MS } = options;
  const settings = { path, site: new Uint8Array(site), agent, bootFloor, bootsFile, ballastBytes, storageEveryMs };
  const program = options.thread ?? new URL(worker, import.meta.url);
  const { thread, head, marks, salvage } = await startThread(program, settings);
  const journal = new ThreadJournal({
    settings,
    random,
    program,
    replaceAfterMs: options.replaceAfterMs ?? REPLACE_AFTER_MS,
    thread,
    settled: head,
    marks,
  });
  return { journal, head, marks, ...(salvage ? { salvage } : {}) };
}

type Opened = Extract<JournalReply, { kind: "opened" }>;

async function startThread(program: URL, settings: JournalSettings): Promise<Opened & { readonly thread: Worker }> {
  const thread = new Worker(program, { workerData: settings, name: "journal", execArgv: [], resourceLimits });
  const opened = await firstReply(thread);
  if (opened.kind === "opened") return { ...opened, thread };
  await thread.terminate();
  throw new JournalError(refusal(settings.path, opened.failure));
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

interface ThreadJournalOptions {
  readonly settings: JournalSettings;
  readonly random: (length: number) => Uint8Array;
  readonly program: URL;
  readonly replaceAfterMs: number;
  readonly thread: Worker;
  readonly settled: JournalHead;
  readonly marks: ReadonlyMap<string, Uint8Array>;
}

const CLOSED: JournalFailure = { message: "the journal is closed" };
const ENDED: JournalFailure = { message: "the journal's thread ended: another takes its place" };

class ThreadJournal implements Journal {
  readonly #options: ThreadJournalOptions;
  readonly #waiting = new Map<number, Waiter>();
  /** Rows that are handed in again keep their salt: by it the thread knows them. */
  readonly #salts = new WeakMap<Uint8Array, Uint8Array>();
  readonly #marks: Map<string, Uint8Array>;
  /** The newest position that a caller was told of. */
  #settled: JournalHead;
  #thread: Worker | undefined;
  #ended: Promise<void> = Promise.resolve();
  #asked = 0;
  #failures = 0;
  #replacing: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #storage: JournalStorage | undefined;
  #onEvent: (event: JournalEvent) => void = () => undefined;

  constructor(options: ThreadJournalOptions) {
    this.#options = options;
    this.#settled = options.settled;
    this.#marks = new Map(options.marks);
    this.#attach(options.thread);
  }

  async append(bodies: readonly Uint8Array[], marks: MarkChanges = new Map()): Promise<JournalHead> {
    const rows = bodies.map((body) => ({ body: new Uint8Array(body), salt: this.#saltOf(body) }));
    const changes = [...marks].map(([name, value]) => [name, value && new Uint8Array(value)] as const);
    const head = (await this.#ask({ kind: "append", rows, marks: changes })) as JournalHead;
    for (const [name, value] of changes) {
      if (value) this.#marks.set(name, value);
      else this.#marks.delete(name);
    }
    this.#settled = head;
    this.#failures = 0;
    return head;
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

  watch(onEvent: (event: JournalEvent) => void): void {
    this.#onEvent = onEvent;
    if (this.#storage) onEvent({ kind: "storage", storage: this.#storage });
  }

  /** Waits for what was asked before; safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#replacing);
    // A thread that ends before it has answered is as closed as one that has.
    if (this.#thread) await this.#ask({ kind: "close" }).catch(() => undefined);
    await this.#ended;
  }

  #saltOf(body: Uint8Array): Uint8Array {
    const known = this.#salts.get(body);
    if (known) return known;
    const salt = this.#options.random(SALT_LENGTH);
    this.#salts.set(body, salt);
    return salt;
  }

  #attach(thread: Worker): void {
    this.#thread = thread;
    let cause: unknown;
    thread.on("message", (reply: JournalReply) => this.#onReply(reply));
    thread.on("error", (error: unknown) => (cause = error));
    this.#ended = new Promise((resolve) => {
      thread.once("exit", () => {
        this.#onEnded(cause);
        resolve();
      });
    });
  }

  #ask(question: Question): Promise<JournalResult> {
    const thread = this.#thread;
    if (!thread || (this.#closing && question.kind !== "close")) {
      return Promise.reject(new JournalError(this.#closing ? CLOSED : ENDED));
    }
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      thread.postMessage({ ...question, id });
    });
  }

  #onReply(reply: JournalReply): void {
    if (reply.kind === "storage") {
      this.#storage = reply.storage;
      this.#onEvent({ kind: "storage", storage: reply.storage });
    }
    if (reply.kind !== "done" && reply.kind !== "failed") return;
    const waiter = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "done") waiter?.resolve(reply.result);
    else waiter?.reject(new JournalError(reply.failure));
  }

  /** What was not acknowledged is its caller's to hand in again: the next thread finds out what of it is there. */
  #onEnded(cause: unknown): void {
    this.#thread = undefined;
    const error = new JournalError(this.#closing ? CLOSED : ENDED, { cause });
    for (const waiter of this.#waiting.values()) waiter.reject(error);
    this.#waiting.clear();
    this.#replaceLater();
  }

  #replaceLater(): void {
    if (this.#closing) return;
    const pauseMs = this.#options.replaceAfterMs * 2 ** Math.min(this.#failures, MOST_DOUBLINGS);
    this.#failures += 1;
    this.#replacing = setTimeout(() => {
      this.#ended = this.#replace();
    }, pauseMs);
  }

  async #replace(): Promise<void> {
    const { settings, program } = this.#options;
    const resume = { settled: this.#settled, marks: this.#marks };
    let opened;
    try {
      opened = await startThread(program, { ...settings, resume });
    } catch {
      // Whoever asks is told that there is no journal; it is tried until there is one.
      this.#replaceLater();
      return;
    }
    if (this.#closing) {
      await opened.thread.terminate();
      return;
    }
    this.#attach(opened.thread);
    if (opened.salvage) {
      this.#settled = opened.head;
      this.#onEvent({ kind: "salvaged", salvage: opened.salvage });
    }
  }
}
