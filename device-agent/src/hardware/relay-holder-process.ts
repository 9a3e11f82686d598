import type { Line, LineConfig } from "./relay-line.js";

/**
 * The relay holder: the one process that owns the line, and does nothing else (SAFETY R2). Its argument is the line as
 * JSON. It opens the line first and says `ready {opener}`, or `failed {name, message, hint}` and ends. Then, a line each:
 *
 *     permit <ms> <n> <sentAt>    closes the line until sentAt + ms; answers `ok <n>`, or `late <n>` when that is past
 *     open <n>                    opens it; answers `ok <n>`
 *
 * `sentAt` is the machine's monotonic clock in ms, so that a permit that lay in the pipe while this process was stopped
 * does not count from its reading. It opens the line at the end of a permit, at end-of-file, SIGTERM, SIGINT and any error.
 */

const LONGEST_PERMIT_MS = 500;

const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

function serve(line: Line): void {
  let deadline: NodeJS.Timeout | undefined;

  const open = (): void => {
    clearTimeout(deadline);
    line.set("open");
  };
  const end = (code: number): void => {
    try {
      open();
    } finally {
      process.exit(code);
    }
  };
  const answer = (text: string): void => void process.stdout.write(`${text}\n`);

  const permit = (ms: number, sentAt: number): boolean => {
    const now = monotonicMs();
    // A clock that does not agree with ours must not lengthen the permit.
    const left = Math.min(ms, LONGEST_PERMIT_MS, sentAt + ms - now);
    clearTimeout(deadline);
    if (!(left > 0)) {
      line.set("open");
      return false;
    }
    deadline = setTimeout(open, left);
    line.set("closed");
    return true;
  };

  const obey = (command: string): void => {
    const permitted = /^permit (\d{1,9}) (\d{1,15}) (\d{1,15})$/.exec(command);
    if (permitted) {
      const [, ms, n, sentAt] = permitted;
      answer(`${permit(Number(ms), Number(sentAt)) ? "ok" : "late"} ${n}`);
      return;
    }
    const opening = /^open (\d{1,15})$/.exec(command);
    if (!opening) throw new Error(`not a command of the relay holder: ${JSON.stringify(command.slice(0, 80))}`);
    open();
    answer(`ok ${opening[1]}`);
  };

  process.on("exit", () => line.set("open"));
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${error.stack ?? String(error)}\n`);
    end(1);
  });
  process.on("SIGTERM", () => end(0));
  process.on("SIGINT", () => end(0));
  process.stdout.on("error", () => end(1));

  let rest = "";
  process.stdin.setEncoding("latin1");
  process.stdin.on("data", (text: string) => {
    const commands = (rest + text).split("\n");
    rest = commands.pop() ?? "";
    for (const command of commands) obey(command);
  });
  process.stdin.on("end", () => end(0));
  process.stdin.on("error", () => end(1));
  answer(`ready ${JSON.stringify(line.opener ?? null)}`);
}

/** Opens the line inactive, whatever it was before. Drivers are loaded when asked for. */
async function openLine(config: LineConfig): Promise<Line> {
  switch (config.driver) {
    case "gpio":
      return (await import("./gpio-line.js")).openGpioLine(config);
    case "simulated":
      return (await import("./simulated-relay.js")).openSimulatedLine(config);
  }
}

try {
  const config = JSON.parse(process.argv[2] ?? "") as LineConfig;
  serve(await openLine(config));
} catch (error) {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  const hint = error instanceof Error && "hint" in error ? error.hint : undefined;
  process.stdout.write(`failed ${JSON.stringify({ name, message, hint })}\n`);
  process.exitCode = 1;
}
