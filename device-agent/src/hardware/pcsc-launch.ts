import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { boundedLines } from "./bounded-lines.js";
import {
  type FromReaderProcess,
  LONGEST_MESSAGE,
  MEND,
  MESSAGE_FD,
  type ToReaderProcess,
  decodeFromReader,
  encodeMessage,
} from "./pcsc-messages.js";
import { probePcscd } from "./pcsc-probe.js";

export { PCSCD_SOCKET, probePcscd } from "./pcsc-probe.js";

/** The process that holds nfc-pcsc, as the agent sees it. */
export interface ReaderProcess {
  send(message: ToReaderProcess): void;
  /** Ends it for certain, however it hangs; `onEnd` follows. */
  kill(): void;
}

export interface ReaderProcessEvents {
  onMessage(message: FromReaderProcess): void;
  /** It said what no reader process says, or far too much; nothing more of it is listened to. */
  onNonsense(what: string): void;
  onEnd(how: string): void;
}

/** What starts reader processes. */
export interface ReaderLauncher {
  /** Why none can be started now; undefined when one can. */
  trouble(): Promise<string | undefined>;
  /** Starts one, bound to the reader named `wanted`. */
  launch(wanted: string | undefined, events: ReaderProcessEvents): ReaderProcess;
}

/** Forks the real one beside pcscd, which listens at `socket`. */
export function pcscLauncher(socket: string): ReaderLauncher {
  return {
    trouble: async () => pcscDriverMissing() ?? (await probePcscd(socket)),
    launch: (wanted, events) => spawnReaderProcess(READER_PROGRAM, wanted, events),
  };
}

const READER_PROGRAM = fileURLToPath(new URL("./pcsc-reader-process.js", import.meta.url));
const RENEW_EVERY_MS = 1000;
/** A badge's dialogue is a few kB; more than this in a second is no reader at work. */
const MOST_BYTES = 262_144;
/** Beside the answers that were asked for: cards that come and go, and one sign of life a second. */
const MOST_UNASKED = 250;

/**
 * Starts `program` as a reader process. It is talked to over pipes of our own and not over Node's channel, which
 * believes every message and keeps a line of any length: what a mad process writes is cut off after a quarter of a
 * megabyte.
 */
export function spawnReaderProcess(
  program: string,
  wanted: string | undefined,
  events: ReaderProcessEvents,
): ReaderProcess {
  const child = spawn(process.execPath, ["--max-old-space-size=64", program, wanted ?? ""], {
    stdio: ["pipe", "ignore", "inherit", "pipe"],
  });
  const pipes = child.stdio as unknown as readonly (Readable & Writable)[];
  const commands = pipes[0]!;
  const messages = pipes[MESSAGE_FD]!;
  const nonsense = (what: string): void => {
    messages.destroy();
    events.onNonsense(what);
  };
  const lines = boundedLines(
    { longest: LONGEST_MESSAGE, mostBytes: MOST_BYTES, mostLines: MOST_UNASKED },
    (line) => {
      if (messages.destroyed) return;
      const message = decodeFromReader(line);
      if (message) events.onMessage(message);
      else nonsense("what is no message");
    },
    nonsense,
  );
  const renewal = setInterval(() => lines.renew(), RENEW_EVERY_MS);
  let ended = false;
  const end = (how: string): void => {
    if (ended) return;
    ended = true;
    clearInterval(renewal);
    commands.destroy();
    messages.destroy();
    events.onEnd(how);
  };
  messages.on("data", (chunk: Buffer) => lines.take(chunk));
  // A process that has just died is told by its exit event; a pipe that breaks adds nothing.
  for (const pipe of [commands, messages]) pipe.on("error", () => undefined);
  child.on("error", (error) => end(`could not run: ${error.message}`));
  // Not "exit": its last words may still lie in the pipe.
  child.on("close", (code, signal) => end(signal ? `was ended by ${signal}` : `ended with code ${String(code)}`));
  return {
    send: (message) => {
      lines.expect();
      if (!commands.destroyed) commands.write(encodeMessage(message));
    },
    kill: () => {
      child.kill("SIGKILL");
    },
  };
}

/**
 * Why the driver cannot work on this machine at all, with the command that mends it; undefined when it is installed.
 */
export function pcscDriverMissing(): string | undefined {
  try {
    createRequire(import.meta.url).resolve("nfc-pcsc");
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "MODULE_NOT_FOUND") throw error;
    return `missing: the package nfc-pcsc is not installed; ${MEND}`;
  }
}
