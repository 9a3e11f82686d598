import { fork } from "node:child_process";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { type FromReaderProcess, MEND, type ToReaderProcess } from "./pcsc-messages.js";

/** Where pcscd listens on Debian and Raspberry Pi OS. */
export const PCSCD_SOCKET = "/run/pcscd/pcscd.comm";
const PROBE_TIMEOUT_MS = 2000;

/** The process that holds nfc-pcsc, as the agent sees it. */
export interface ReaderProcess {
  send(message: ToReaderProcess): void;
  /** Ends it for certain, however it hangs; `onEnd` follows. */
  kill(): void;
}

export interface ReaderProcessEvents {
  onMessage(message: FromReaderProcess): void;
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
  return { trouble: async () => pcscDriverMissing() ?? (await probePcscd(socket)), launch: forkReaderProcess };
}

function forkReaderProcess(wanted: string | undefined, events: ReaderProcessEvents): ReaderProcess {
  const child = fork(fileURLToPath(new URL("./pcsc-reader-process.js", import.meta.url)), [wanted ?? ""], {
    execArgv: ["--max-old-space-size=64"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  let ended = false;
  const end = (how: string): void => {
    if (ended) return;
    ended = true;
    events.onEnd(how);
  };
  child.on("message", (message) => events.onMessage(message as FromReaderProcess));
  child.on("error", (error) => end(`could not run: ${error.message}`));
  child.on("exit", (code, signal) => end(signal ? `was ended by ${signal}` : `ended with code ${code}`));
  return {
    // A process that has just died is told by its exit event; the failed write adds nothing.
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    kill: () => {
      child.kill("SIGKILL");
    },
  };
}

/** Why the driver cannot work on this machine at all, with the command that mends it; undefined when it is installed. */
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

/**
 * Why pcscd cannot be talked to, undefined when it listens. Asked before nfc-pcsc is loaded: its constructor spins for
 * ever without pcscd. Connecting also wakes a pcscd that systemd starts on demand.
 */
export function probePcscd(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const done = (reason?: string): void => {
      connection.destroy();
      resolve(reason);
    };
    connection.setTimeout(PROBE_TIMEOUT_MS, () => done(`service: pcscd does not answer at ${socket}`));
    connection.on("connect", () => done());
    connection.on("error", (error: NodeJS.ErrnoException) => done(probeReason(socket, error)));
  });
}

function probeReason(socket: string, error: NodeJS.ErrnoException): string {
  if (error.code === "EACCES") return `service: no permission for ${socket}; a polkit rule or group must allow it`;
  return `service: pcscd does not listen at ${socket} (${error.code ?? error.message}); run: sudo systemctl enable --now pcscd.socket`;
}
