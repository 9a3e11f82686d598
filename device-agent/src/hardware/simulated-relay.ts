import { connect, type Socket } from "node:net";
import type { InputName } from "../ports.js";
import type { LampName, LineDriver, OutputName, SimulatedDriverConfig } from "./line.js";

const RECONNECT_MS = 500;
/** A watcher that reads nothing is dropped here; at its next connection it gets the positions of then. */
const MOST_UNREAD_BYTES = 65_536;
/** Nobody needs longer lines to move a contact. */
const MOST_LINE = 1024;

/**
 * Lines without contacts. They are told to whoever listens on the socket, one JSON object a line: once
 * `{"type":"hello", "role":"relay"}`, then, now and at every change, `{"type":"relay","position":"open"|"closed"}` and,
 * where more than the relay is wired, `{"type":"outputs","runOn":true,"green":false}`. The listener moves the wired
 * contacts, inactive until then, by `{"type":"input","input":"busy","active":true}`. Trouble with the socket never
 * reaches a line.
 */
export function simulatedDriver({ socket }: SimulatedDriverConfig): LineDriver {
  const lines = new SimulatedLines();
  if (socket !== undefined) lines.startTelling(socket);
  return lines;
}

class SimulatedLines implements LineDriver {
  readonly name = "simulated";
  readonly #outputs = new Map<OutputName | LampName, boolean>();
  readonly #inputs = new Map<string, { active: boolean; edges: number }>();
  #socket: Socket | undefined;

  openOutput(name: OutputName | LampName) {
    this.#outputs.set(name, false);
    return {
      set: (active: boolean): void => {
        if (this.#outputs.get(name) === active) return;
        this.#outputs.set(name, active);
        if (name === "relay") this.#tellRelay();
        else this.#tellOutputs();
      },
    };
  }

  openInput(name: InputName) {
    const contact = { active: false, edges: 0 };
    this.#inputs.set(name, contact);
    return {
      sample: () => {
        const sample = { ...contact };
        contact.edges = 0;
        return sample;
      },
    };
  }

  startTelling(path: string): void {
    const socket = connect(path);
    this.#socket = socket;
    socket.once("connect", () => {
      this.#say({ type: "hello", role: "relay" });
      this.#tellRelay();
      this.#tellOutputs();
    });
    let rest = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MOST_LINE || !lines.every((line) => this.#hear(line))) socket.destroy();
    });
    // Nobody listening is no fault of a relay; "close" follows and tries again.
    socket.on("error", () => {});
    socket.once("close", () => setTimeout(() => this.startTelling(path), RECONNECT_MS).unref());
  }

  #tellRelay(): void {
    this.#say({ type: "relay", position: this.#outputs.get("relay") ? "closed" : "open" });
  }

  /** Not where there is only the relay: a watcher of that kind need not know the message. */
  #tellOutputs(): void {
    const others = [...this.#outputs].filter(([name]) => name !== "relay");
    if (others.length === 0) return;
    this.#say({ type: "outputs", ...Object.fromEntries(others) });
  }

  #say(message: object): void {
    const socket = this.#socket;
    if (!socket || socket.connecting || socket.destroyed) return;
    socket.write(`${JSON.stringify(message)}\n`);
    if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
  }

  /** False for what is no message to a relay. */
  #hear(line: string): boolean {
    const message = parsed(line);
    if (message?.["type"] !== "input" || typeof message["active"] !== "boolean") return false;
    const contact = this.#inputs.get(String(message["input"]));
    if (!contact) return true; // not wired at this machine
    if (contact.active !== message["active"]) contact.edges += 1;
    contact.active = message["active"];
    return true;
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined; // told by hanging up
  }
}
