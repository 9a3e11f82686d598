import { Worker } from "node:worker_threads";
import { StoreEngine } from "./store-engine.js";
import type { StoreFailure, StoreReply, StoreRequest, StoreResult } from "./store-protocol.js";

/** Asks the one SQLite connection; answers come in the order of the questions. */
export interface StoreChannel {
  ask(request: StoreRequest, transfer?: readonly ArrayBuffer[]): Promise<StoreResult>;
  close(): Promise<void>;
}

/** The database could not do what was asked; `code` is SQLite's, e.g. SQLITE_FULL, where it was SQLite. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: string | undefined;

  constructor(failure: StoreFailure) {
    super(failure.message);
    this.code = failure.code;
  }
}

// A thread loads built files only; from the sources, as in unit tests, the built twin is taken.
const worker = import.meta.url.endsWith(".ts") ? "../../dist/store/store-worker.js" : "./store-worker.js";

interface Waiter {
  readonly resolve: (result: StoreResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens the database in a thread of its own. Rejects with a StoreError where it cannot be opened. `onFailure` is told
 * when the thread itself breaks later: from then on every question is rejected, and only a restart helps.
 */
export async function openThreadChannel(path: string, onFailure: (error: Error) => void = noop): Promise<StoreChannel> {
  const thread = new Worker(new URL(worker, import.meta.url), { workerData: { path }, name: "store", execArgv: [] });
  const waiting = new Map<number, Waiter>();
  let end: Error | undefined;
  let asked = 0;
  const fail = (error: Error): void => {
    end ??= error;
    for (const waiter of waiting.values()) waiter.reject(end);
    waiting.clear();
  };
  const ended = new Promise<void>((resolve) => {
    thread.once("exit", () => {
      fail(new StoreError({ message: "the store is closed" }));
      resolve();
    });
  });
  thread.on("error", (cause) => {
    const failure = new Error("the store's thread failed; restart the gateway", { cause });
    fail(failure);
    onFailure(failure);
  });
  const opened = new Promise<StoreResult>((resolve, reject) => {
    waiting.set(0, { resolve, reject });
  });
  thread.on("message", (reply: StoreReply) => {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) waiter?.resolve(reply.result);
    else waiter?.reject(new StoreError(reply.failure));
  });
  await opened;
  const ask = (request: StoreRequest, transfer: readonly ArrayBuffer[] = []): Promise<StoreResult> => {
    if (end) return Promise.reject(end);
    asked += 1;
    const id = asked;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      thread.postMessage({ id, request }, transfer);
    });
  };
  return {
    ask,
    async close() {
      if (!end) await ask({ kind: "close" });
      await ended;
    },
  };
}

function noop(): void {
  // Nobody wants to know; every question is rejected anyway.
}

/** The same in this thread, for tests of what is above it. */
export function openLocalChannel(path: string): StoreChannel {
  const engine = new StoreEngine(path);
  return {
    ask: (request) => Promise.resolve().then(() => engine.answer(request)),
    close: () => Promise.resolve().then(() => void engine.answer({ kind: "close" })),
  };
}
