import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type {
  JournalFailure,
  JournalReply,
  JournalRequest,
  JournalResult,
  JournalSettings,
} from "./journal-protocol.js";
import { JournalStore } from "./journal-store.js";

/** The journal's thread: the one writer. Requests are served in order; appends that wait together share one commit. */

const port = parentPort;
if (!port) throw new Error("journal-worker runs as a worker thread of openJournal");

const reply = (message: JournalReply): void => port.postMessage(message);

function failureOf(error: unknown): JournalFailure {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = (error as { readonly code?: unknown }).code;
  return { message: error.message, ...(typeof code === "string" ? { code } : {}) };
}

function open(): JournalStore | undefined {
  try {
    const store = new JournalStore(workerData as JournalSettings);
    const { head, marks, salvage } = store;
    reply({ kind: "opened", head, marks, ...(salvage ? { salvage } : {}) });
    return store;
  } catch (error) {
    reply({ kind: "refused", failure: failureOf(error) });
    return undefined;
  }
}

type Append = Extract<JournalRequest, { kind: "append" }>;

function serve(store: JournalStore, requests: readonly JournalRequest[]): void {
  let waiting: Append[] = [];
  const flush = (): void => {
    if (waiting.length === 0) return;
    const group = waiting;
    waiting = [];
    answer(group, () => store.append(group));
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

function answer(requests: readonly JournalRequest[], work: () => readonly JournalResult[]): void {
  try {
    const results = work();
    requests.forEach(({ id }, at) => reply({ kind: "done", id, result: results[at] ?? null }));
  } catch (error) {
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
  port.on("message", (first: JournalRequest) => {
    const requests = [first];
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      requests.push(next.message as JournalRequest);
    }
    serve(store, requests);
    if (requests.some(({ kind }) => kind === "close")) return port.close();
    if (store.checkpointDue) {
      // A failed checkpoint loses nothing: the file is opened anew, and where that fails the next append says so.
      answer([], () => (store.checkpoint(), []));
    }
  });
}
