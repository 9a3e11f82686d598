import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { InputName, InputReport, Permit } from "../ports.js";
import { DriverMissingError, type LampName, type LineDriver, type LinesConfig, type Opener } from "./line.js";

/** Longest wait for an acknowledgement (SAFETY R2). */
const ANSWER_MS = 250;
/** A Pi Zero takes two seconds to start Node, an emulated machine ten. */
const START_MS = 20_000;
/** From the signal that a slow holder obeys to the one that ends a hung one. */
const GRACE_MS = 50;
const MOST_COMPLAINT = 2000;

// A process runs built files only; from the sources, as in unit tests, the built twin is taken.
const program = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/hardware/relay-holder-process.js" : "./relay-holder-process.js",
  import.meta.url,
);

/** The holder did not answer in time: it hangs, or is gone. */
export class HolderSilentError extends Error {
  override readonly name = "HolderSilentError";
}

/** What a holder says when its lines are open. */
export interface HolderReady {
  readonly driver: LineDriver["name"];
  /** Files whose writing makes the outputs inactive, the relay's first. */
  readonly openers: readonly Opener[];
}

export interface HolderExit {
  /** Why, in words, with the holder's last complaint. */
  readonly reason: string;
  readonly openers: readonly Opener[];
  /** The lines that it had; undefined where it never had them. */
  readonly held: { readonly driver: LineDriver["name"]; readonly lines: LinesConfig } | undefined;
}

/** What a holder says unasked. */
export interface HolderHears {
  readonly onReport: (report: InputReport) => void;
  readonly onNote: (note: string) => void;
}

interface Waiter {
  readonly settle: (answer: "ok" | "late") => void;
  readonly reject: (error: Error) => void;
}

/** One holder process and the pipe to it; the protocol stands in relay-holder-process.ts. */
export class HolderLink {
  /** Resolves once the process is gone. */
  readonly exited: Promise<HolderExit>;
  readonly #child: ChildProcess;
  readonly #hears: HolderHears;
  readonly #waiting = new Map<string, Waiter>();
  #asked = 0;
  #rest = "";
  #complaint = "";
  #openers: readonly Opener[] = [];
  #held: HolderExit["held"];
  readonly #lines: LinesConfig;
  #onReady: (outcome: Error | HolderReady) => void = () => {};

  constructor(lines: LinesConfig, hears: HolderHears) {
    this.#lines = lines;
    this.#hears = hears;
    this.#child = spawn(process.execPath, [fileURLToPath(program), JSON.stringify(lines)], {
      stdio: ["pipe", "pipe", "pipe"],
      // In a group of its own: Ctrl-C ends the agent, which closes the pipe, so no session ends by a fault.
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(this.#gone(`could not be started: ${error.message}`)));
      this.#child.once("exit", (code, signal) => resolve(this.#gone(`ended (${signal ?? `exit code ${code}`})`)));
    });
    // A broken pipe is followed by the exit, which is where it is dealt with.
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#onText(text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-MOST_COMPLAINT);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Resolves when the outputs are inactive and permits are taken; rejects with the holder's own error, such as
   * DriverMissingError.
   */
  ready(): Promise<HolderReady> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#onReady(new HolderSilentError("the relay holder did not start")), START_MS);
      this.#onReady = (outcome) => {
        clearTimeout(timer);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      void this.exited.then(({ reason }) => this.#onReady(new HolderSilentError(`the relay holder ${reason}`)));
    });
  }

  permit(ms: number, { relay, runOn, stop }: Permit): Promise<"ok" | "late"> {
    const active = [relay === "closed" && "relay", runOn && "runOn", stop && "stop"].filter(Boolean).join(",") || "-";
    const sentAt = process.hrtime.bigint() / 1_000_000n;
    return this.#ask((n) => `permit ${ms} ${n} ${sentAt} ${active}`);
  }

  open(): Promise<"ok" | "late"> {
    return this.#ask((n) => `open ${n}`);
  }

  /** Nobody waits for lamps. */
  light(lamps: readonly LampName[]): void {
    this.#child.stdin?.write(`lamps ${lamps.join(",") || "-"}\n`);
  }

  /** Closes the pipe: the holder lets everything go and ends. */
  end(): void {
    this.#child.stdin?.end();
  }

  /**
   * For a holder that no longer answers: one that was only slow lets everything go at the first signal, whatever
   * becomes of this process; one that hangs is killed.
   */
  putDown(): void {
    this.#child.kill("SIGTERM");
    setTimeout(() => this.kill(), GRACE_MS);
  }

  /** The lines stay as they are until someone opens them. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #ask(command: (n: string) => string): Promise<"ok" | "late"> {
    this.#asked += 1;
    const n = String(this.#asked);
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(n);
      };
      const timer = setTimeout(() => {
        // If our own loop was late, the answer may lie unread in the pipe: look there before blaming the holder.
        setImmediate(() => {
          this.#waiting.get(n)?.reject(new HolderSilentError(`the relay holder did not answer within ${ANSWER_MS} ms`));
        });
      }, ANSWER_MS);
      this.#waiting.set(n, {
        settle: (answer) => {
          forget();
          resolve(answer);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      });
      this.#child.stdin?.write(`${command(n)}\n`);
    });
  }

  #onText(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
  }

  #onLine(line: string): void {
    const [word = "", first = "", ...rest] = line.split(" ");
    switch (word) {
      case "ok":
      case "late":
        return this.#waiting.get(first)?.settle(word);
      case "input":
        return this.#hears.onReport({ kind: "changed", input: first as InputName, active: rest[0] === "1" });
      case "lost":
        return this.#hears.onReport({ kind: "lost", input: first as InputName, reason: rest.join(" ") });
      case "note":
        return this.#hears.onNote(line.slice(word.length + 1));
      case "ready": {
        const ready = JSON.parse(line.slice(word.length)) as HolderReady;
        this.#openers = ready.openers;
        this.#held = { driver: ready.driver, lines: this.#lines };
        return this.#onReady(ready);
      }
      case "failed":
        return this.#onReady(startFailure(line.slice(word.length)));
    }
  }

  #gone(what: string): HolderExit {
    const reason = this.#complaint === "" ? what : `${what}: ${this.#complaint.trim()}`;
    for (const { reject } of [...this.#waiting.values()]) reject(new HolderSilentError(`the relay holder ${reason}`));
    return { reason, openers: this.#openers, held: this.#held };
  }
}

function startFailure(json: string): Error {
  const { name, message, hint } = JSON.parse(json) as { name: string; message: string; hint?: string };
  return name === "DriverMissingError" ? new DriverMissingError(message, { hint: hint ?? "" }) : new Error(message);
}
