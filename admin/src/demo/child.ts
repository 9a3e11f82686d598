import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

/** How a child ended: after `stop` that is expected, otherwise it is a crash. */
export interface ChildEnd {
  readonly expected: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Its last lines on standard error. */
  readonly tail: readonly string[];
}

export interface ChildOptions {
  readonly name: string;
  /** The program (an .mjs file) and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Standard input, whole; none unless given. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  onEnd?(end: ChildEnd): void;
}

/** One program of the site, run as its own process. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  /** Resolves with the "ready" object it prints, rejects when it ends before or takes longer than `withinMs`. */
  ready(withinMs: number): Promise<Readonly<Record<string, unknown>>>;
  readonly ended: Promise<ChildEnd>;
  /** SIGTERM, and SIGKILL after `graceMs` (4 s unless told). Resolves when it is gone. */
  stop(graceMs?: number): Promise<ChildEnd>;
}

const TAIL_LINES = 12;

/**
 * Starts a program with this Node.js. Its standard error goes to the log file; nothing of it is lost when it crashes.
 */
export function startChild(options: ChildOptions): Child {
  const child = spawn(process.execPath, [options.program, ...options.args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  // A program that ends before it has read its input closes the pipe: its exit code tells more than our EPIPE.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");

  const log = createWriteStream(options.logFile, { flags: "a", mode: 0o600 });
  const tail: string[] = [];
  child.stderr.pipe(log);
  createInterface({ input: child.stderr }).on("line", (line) => {
    tail.push(line.slice(0, 500));
    if (tail.length > TAIL_LINES) tail.shift();
  });

  let stopping = false;
  const ended = endOf(child, () => ({ expected: stopping, tail: [...tail] }));
  const ready = readyOf(child, ended, options.name);
  // Whoever does not wait for it must not make a crash an unhandled rejection.
  ready.catch(() => undefined);
  void ended.then((end) => options.onEnd?.(end));

  return {
    name: options.name,
    get pid() {
      return child.pid ?? 0;
    },
    get running() {
      return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
    },
    ended,
    ready: (withinMs) => within(ready, withinMs, `${options.name} did not start within ${withinMs / 1000} s`),
    async stop(graceMs = 4000) {
      stopping = true;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}

function endOf(child: ChildProcess, rest: () => Pick<ChildEnd, "expected" | "tail">): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ ...rest(), code: null, signal: null, tail: [error.message] }));
    child.once("close", (code, signal) => resolve({ ...rest(), code, signal }));
  });
}

function readyOf(child: ChildProcess, ended: Promise<ChildEnd>, name: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const lines = child.stdout ? createInterface({ input: child.stdout }) : undefined;
    lines?.on("line", (line) => {
      const value = parseLine(line);
      if (value?.event === "ready") resolve(value);
    });
    void ended.then((end) => reject(new Error(`${name} ended before it was ready: ${describeEnd(end)}`)));
  });
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    // Other lines on standard output are for people.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** "exit 1: cannot open the database" */
export function describeEnd({ code, signal, tail }: ChildEnd): string {
  const how = signal === null ? `exit ${code ?? "unknown"}` : signal;
  const said = tail.slice(-4).join("\n  ");
  return said === "" ? how : `${how}\n  ${said}`;
}

async function within<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
