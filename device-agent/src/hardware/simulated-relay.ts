import { connect, type Socket } from "node:net";
import type { Line, Position, SimulatedLineConfig } from "./relay-line.js";

const RECONNECT_MS = 500;
/** A watcher that reads nothing is dropped here; at its next connection it gets the position of then. */
const MOST_UNREAD_BYTES = 65_536;

/**
 * A line without a contact. Its position is told to whoever listens on the socket, one JSON object a line:
 * `{"type":"hello","role":"relay"}` once, then `{"type":"relay","position":"open"|"closed"}` now and at every change.
 * Trouble with the socket never reaches the line.
 */
export function openSimulatedLine({ socket: path }: SimulatedLineConfig): Line {
  let position: Position = "open";
  const tell = path === undefined ? () => {} : startTelling(path, () => position);
  return {
    set: (next) => {
      if (next === position) return;
      position = next;
      tell();
    },
  };
}

function startTelling(path: string, position: () => Position): () => void {
  let socket: Socket | undefined;
  const say = (message: object): void => {
    if (!socket || socket.connecting || socket.destroyed) return;
    socket.write(`${JSON.stringify(message)}\n`);
    if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
  };
  const tell = (): void => say({ type: "relay", position: position() });
  const start = (): void => {
    socket = connect(path);
    socket.once("connect", () => {
      say({ type: "hello", role: "relay" });
      tell();
    });
    // Nobody listening is no fault of a relay; "close" follows and tries again.
    socket.on("error", () => {});
    socket.once("close", () => setTimeout(start, RECONNECT_MS).unref());
    socket.resume();
  };
  start();
  return tell;
}
