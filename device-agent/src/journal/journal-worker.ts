import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type {
  JournalFailure,
  JournalReply,
  JournalRequest,
  JournalResult,
  JournalSettings,
} from "./journal-protocol.js";
import { isFull } from "./journal-file.js";
import { JournalStore } from "./journal-store.js";
import { StorageGuard } from "./storage-guard.js";

/** The journal's thread: the one writer. Requests are served in order; appends that wait together share one commit. */

const port = parentPort;
if (!port) throw new Error("journal-worker runs as a worker thread of openJournal");

const reply = (message: JournalReply): void => port.postMessage(message);

function failureOf(error: unknown): JournalFailure {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { readonly code?: unknown }).code;
  return { message: error.message, ...(typeof code === "string" ? { code } : {}) };
}

const settings = workerData as JournalSettings;
const guard = new StorageGuard(settings.path, settings.ballastBytes);
let told = "";

function open(): JournalStore | undefined {
  try {
    const store = withBallast(() => new JournalStore(settings));
    const { head, marks, salvage } = store;
    reply({ kind: "opened", head, marks, ...(salvage ? { salvage } : {}) });
    return store;
  } catch (error) {
    reply({ kind: "refused", failure: failureOf(error) });
    return undefined;
  }
}

/** On a full disk the ballast makes room for one more try: the end of a use is worth it (SAFETY R19). */
function withBallast<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isFull(error) || !guard.release()) throw error;
    return work();
  }
}

/** Measures the room left and tells it when it stands otherwise than before. */
function lookAfterStorage(store: JournalStore): void {
  answer([], () => {
    const storage = guard.look(store.bytes);
    // Each MB of rows is news, each byte of free room is not.
    const news = `${storage.state} ${Math.round(storage.journalBytes / 1e6)} ${Math.round(storage.freeBytes / 1e8)}`;
    if (news !== told) reply({ kind: "storage", storage });
    told = news;
    return [];
  });
}

type Append = Extract<JournalRequest, { kind: "append" }>;

function serve(store: JournalStore, requests: readonly JournalRequest[]): void {
  let waiting: Append[] = [];
  const flush = (): void => {
    if (waiting.length === 0) return;
    const group = waiting;
    waiting = [];
    answer(group, () => withBallast(() => store.append(group)));
  };
  for (const request of requests) {
    if (request.kind === "append") {
      waiting.push(request);
      continue;
    }
    flush();
    answer([request], () => [serveOne(store, request)]);
  }
  flush();
}

let failed = false;

/** Whether anything failed since this was asked last. */
function hasFailed(): boolean {
  const was = failed;
  failed = false;
  return was;
}

function answer(requests: readonly JournalRequest[], work: () => readonly JournalResult[]): void {
  try {
    const results = work();
    requests.forEach(({ id }, at) => reply({ kind: "done", id, result: results[at] ?? null }));
  } catch (error) {
    failed = true;
    for (const { id } of requests) reply({ kind: "failed", id, failure: failureOf(error) });
  }
}

function serveOne(store: JournalStore, request: Exclude<JournalRequest, Append>): JournalResult {
  switch (request.kind) {
    case "rowsAfter":
      return store.rowsAfter(request.after, request.limit);
    case "acknowledge":
      return store.acknowledge(request.upTo, request.chain);
    case "pendingCount":
      return store.pendingCount;
    case "close":
      store.close();
      return null;
  }
}

const store = open();
if (store) {
  lookAfterStorage(store);
  const looking = setInterval(() => lookAfterStorage(store), settings.storageEveryMs);
  const end = (): void => {
    clearInterval(looking);
    port.close();
  };
  port.on("message", (first: JournalRequest) => {
    const requests = [first];
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      requests.push(next.message as JournalRequest);
    }
    serve(store, requests);
    if (requests.some(({ kind }) => kind === "close")) return end();
    if (store.checkpointDue) {
      // A failed checkpoint loses nothing: the file is opened anew, and where that fails the next append says so.
      answer([], () => (store.checkpoint(), []));
    }
    if (hasFailed()) lookAfterStorage(store);
    // A thread that begins anew salvages what rotted under this one.
    if (store.needsSalvage) {
      store.close();
      end();
    }
  });
}
