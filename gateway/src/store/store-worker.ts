import { parentPort, workerData } from "node:worker_threads";
import { StoreEngine } from "./store-engine.js";
import type { StoreFailure, StoreReply, StoreRequest } from "./store-protocol.js";

/** The store's thread: fsync, checkpoints and hashing happen here, never on the loop that serves the agents. */
const port = parentPort;
if (!port) throw new Error("store-worker runs as a worker thread only");
const reply = (message: StoreReply): void => {
  port.postMessage(message);
};

let engine: StoreEngine;
try {
  engine = new StoreEngine((workerData as { path: string }).path);
  reply({ id: 0, ok: true, result: undefined });
  port.on("message", ({ id, request }: { id: number; request: StoreRequest }) => {
    try {
      reply({ id, ok: true, result: engine.answer(request) });
    } catch (error) {
      reply({ id, ok: false, failure: failureOf(error) });
    }
    if (request.kind === "close") port.close();
  });
} catch (error) {
  reply({ id: 0, ok: false, failure: failureOf(error) });
  port.close();
}

function failureOf(error: unknown): StoreFailure {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { message: error.message, ...(code && { code }), ...(error.stack && { stack: error.stack }) };
}
