import { type Socket, connect } from "node:net";
import type { Screen, ScreenView } from "../ports.js";

export interface SimulatedScreenOptions {
  /** Path of the unix socket on which the bench waits. */
  readonly socket: string;
}

type ToBench =
  | { readonly type: "hello"; readonly role: "screen" }
  | ({ readonly type: "screen" } & ScreenView)
  | ({ readonly type: "decision" } & Parameters<Screen["decided"]>[0]);

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2_000;
/** A bench that reads nothing must not make the agent's memory grow. */
const MOST_UNREAD_BYTES = 65_536;

/**
 * A screen without hardware: a client of the demo's bench, in JSON lines over a unix socket. A bench that comes back is
 * shown what stands on the screen; decisions made meanwhile are not told again.
 */
export function simulatedScreen(options: SimulatedScreenOptions): Screen {
  return new SimulatedScreen(options.socket);
}

class SimulatedScreen implements Screen {
  readonly #path: string;
  #socket: Socket | undefined;
  #connected = false;
  #view: ScreenView | undefined;
  #failures = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
    this.#connect();
  }

  show(view: ScreenView): void {
    this.#view = view;
    this.#send({ type: "screen", ...view });
  }

  decided(decision: Parameters<Screen["decided"]>[0]): void {
    this.#send({ type: "decision", ...decision });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (!socket || socket.closed) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      // What was shown last is still delivered; a bench that hangs does not hold the agent.
      if (this.#connected) socket.end(() => socket.destroy());
      else socket.destroy();
    });
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.on("connect", () => {
      this.#connected = true;
      this.#failures = 0;
      this.#send({ type: "hello", role: "screen" });
      if (this.#view) this.#send({ type: "screen", ...this.#view });
    });
    // Nothing is expected, but what is sent must be read for the end to be seen.
    socket.resume();
    // "close" follows every error, and tries again.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#connected = false;
      if (this.#closed) return;
      const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++);
      this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
    });
  }

  #send(message: ToBench): void {
    const socket = this.#socket;
    if (!this.#connected || !socket) return;
    if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
    else socket.write(`${JSON.stringify(message)}\n`);
  }
}
