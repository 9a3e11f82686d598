import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { VPCD_PORTS } from "./vpcd-card.js";

const SOCKET = "/run/pcscd/pcscd.comm";
const READY_WITHIN_MS = 10_000;

/** Names that pcscd gives the two virtual readers. */
export const READERS = ["Virtual PCD 00 00", "Virtual PCD 00 01"] as const;

/** The real pcscd with the virtual reader vpcd, run by hand. run.mjs gives it a namespace of its own. */
export class Pcscd {
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `name` is what both readers are called, before their numbers. */
  static async start(name = "Virtual PCD"): Promise<Pcscd> {
    const folder = mkdtempSync(join(tmpdir(), "pcscd-"));
    const driver = process.env["BADGEKEY_VPCD_DRIVER"];
    if (!driver) throw new Error("BADGEKEY_VPCD_DRIVER is not set: run the hardware tests with npm run test:hardware");
    const lines = [
      `FRIENDLYNAME "${name}"`,
      `DEVICENAME /dev/null:${VPCD_PORTS[0]}`,
      `LIBPATH ${driver}`,
      `CHANNELID ${VPCD_PORTS[0]}`,
    ];
    writeFileSync(join(folder, "vpcd"), `${lines.join("\n")}\n`);
    const pcscd = new Pcscd(folder);
    await pcscd.resume();
    return pcscd;
  }

  /** Starts it again after kill(). */
  async resume(): Promise<void> {
    // Left behind by a pcscd that was killed, these keep the next one from starting.
    for (const name of ["pcscd.comm", "pcscd.pid"]) rmSync(join("/run/pcscd", name), { force: true });
    const preload = process.env["BADGEKEY_PCSCD_PRELOAD"];
    const flags = process.env["BADGEKEY_PCSCD_FLAGS"]?.split(" ").filter(Boolean) ?? [];
    this.#process = spawn("pcscd", ["--foreground", "-c", this.#folder, ...flags], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, ...(preload ? { LD_PRELOAD: preload } : {}) },
    });
    const deadline = AbortSignal.timeout(READY_WITHIN_MS);
    for (;;) {
      if (driverListens() && (await pcscdListens())) return;
      if (this.#process.exitCode !== null) throw new Error(`pcscd ended with code ${this.#process.exitCode}`);
      deadline.throwIfAborted();
      await after(20);
    }
  }

  /** Stops it dead (SIGSTOP), or lets it go on (SIGCONT). */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, "exit");
    running.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

/** Looks, instead of connecting: to vpcd a connection is a card. */
function driverListens(): boolean {
  const sockets = readFileSync("/proc/net/tcp", "utf8");
  return VPCD_PORTS.every((port) => sockets.includes(`:${port.toString(16).toUpperCase()} 00000000:0000 0A`));
}

function pcscdListens(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(SOCKET);
    const done = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
