import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./cases.js";
import type { UserSetup, UserTold } from "./relay-user.js";

const PROGRAM = fileURLToPath(new URL("./relay-user.js", import.meta.url));

/** One process that stands for the agent, and what it has told so far. */
export class RelayUser {
  readonly told: UserTold[] = [];
  readonly #child: ChildProcess;
  #complaint = "";

  constructor(setup: UserSetup) {
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(setup)], { stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.told.push(JSON.parse(line) as UserTold));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#complaint += text));
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the relay's user could not be started");
    return pid;
  }

  /** Process id of the holder that answered last. */
  get holder(): number {
    const last = this.told.findLast((told) => told.kind === "ready" || told.kind === "permitted");
    if (last?.holder === undefined) throw new Error(`no holder is known; ${this.#complaint}`);
    return last.holder;
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  say(word: "renew" | "runOn" | "rest" | "throw"): void {
    this.#child.stdin?.write(`${word}\n`);
  }

  /** Resolves when it has told `times` things of that kind. */
  async hears(what: string, matches: (told: UserTold) => boolean, times = 1): Promise<void> {
    await until(what, () => {
      if (this.isGone) throw new Error(`the relay's user ended while it should have told: ${what}; ${this.#complaint}`);
      return this.told.filter(matches).length >= times;
    });
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends both processes, whatever they do, for the next case. */
  async end(): Promise<void> {
    const processes = [this.pid, ...this.told.flatMap((told) => ("holder" in told ? [told.holder ?? 0] : []))];
    for (const pid of new Set(processes)) if (pid > 0 && isRunning(pid)) process.kill(pid, "SIGKILL");
    await until("the end of the relay's user", () => processes.every((pid) => pid === 0 || !isRunning(pid)));
  }
}

/** Starts one and waits until its lines are open. */
export async function startUser(setup: UserSetup): Promise<RelayUser> {
  const user = new RelayUser(setup);
  try {
    await user.hears("that its lines are open", ({ kind }) => kind === "ready");
  } catch (error) {
    await user.end();
    throw error;
  }
  return user;
}

export function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
