import type { InputName } from "../ports.js";
import { FailSafeOutputs, monotonicMs, PERMITTED } from "./fail-safe-outputs.js";
import { InputWatch } from "./input-watch.js";
import { LAMPS, type LampName, type LineDriver, type LinesConfig, type OutputLine } from "./line.js";
import { openDriver } from "./line-drivers.js";

/**
 * The relay holder: the one process that owns the machine's lines, and does nothing else (SAFETY R2). Its argument is a
 * LinesConfig as JSON. It opens every output inactive, the relay first, and says `ready {driver, openers}`, or `failed
 * {name, message, hint}` and ends. Then it takes, a line each:
 *
 *     permit <ms> <n> <sentAt> <outputs>   these of relay,runOn,stop (`-`: none) are active until sentAt + ms, the others
 *                                          inactive; answers `ok <n>`, or `late <n>` when that is past, or an earlier
 *                                          permit ran out: all inactive then, until `open`
 *     open <n>                             all inactive; answers `ok <n>`
 *     lamps <lamps>                        these of green,yellow,red,buzzer (`-`: none) are on, the others off
 *
 * and says, unasked: `input <name> 1|0` of a debounced contact, once at the start and at each change; `lost <name>
 * <reason>` when it chatters or cannot be read; `note <text>` of a lamp that does not work.
 *
 * `sentAt` is the machine's monotonic clock in ms, so that a permit that lay in the pipe while this process was stopped
 * does not count from its reading. All outputs but the lamps fall inactive at the end of a permit; all of them do at
 * end-of-file, SIGTERM, SIGINT, SIGHUP and any error, with which this process ends. Contacts and lamps only ever tell
 * of their trouble: neither the relay nor its opening waits for them.
 */

const LOOK_MS = 20;
/** An agent that reads nothing for so long is as good as dead. */
const MOST_UNREAD_BYTES = 65_536;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
  if (process.stdout.writableLength > MOST_UNREAD_BYTES) throw new Error("the agent does not read what it is told");
};

/** Lamps and buzzer: what does not work is told once and left alone. */
class Lamps {
  readonly #lines = new Map<LampName, OutputLine>();

  constructor(driver: LineDriver, wired: LinesConfig["lamps"]) {
    for (const name of LAMPS) {
      const pin = wired[name];
      if (pin) this.#try(name, () => void this.#lines.set(name, driver.openOutput(name, pin)));
    }
  }

  light(lit: ReadonlySet<string>): void {
    for (const [name, line] of this.#lines) this.#try(name, () => line.set(lit.has(name)));
  }

  #try(name: LampName, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#lines.delete(name);
      say(`note lamp ${name}: ${(error as Error).message.replaceAll(/\s+/g, " ")}`);
    }
  }
}

function serve(driver: LineDriver, wired: LinesConfig): void {
  const outputs = new FailSafeOutputs(driver, wired.outputs);

  const lamps = new Lamps(driver, wired.lamps);
  const inputs = Object.entries(wired.inputs).map(
    ([name, pin]) => [name, new InputWatch(driver, name as InputName, pin)] as const,
  );

  const end = (code: number): void => {
    try {
      outputs.release();
      lamps.light(new Set());
    } finally {
      process.exit(code);
    }
  };
  process.on("exit", () => outputs.release());
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${error.stack ?? String(error)}\n`);
    end(1);
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => end(0));
  process.stdout.on("error", () => end(1));

  const obey = (command: string): void => {
    const [, ms, n, sentAt, wanted] = /^permit (\d{1,9}) (\d{1,15}) (\d{1,15}) ([a-zA-Z,]+|-)$/.exec(command) ?? [];
    if (wanted !== undefined) {
      const isInTime = outputs.permit(Number(ms), Number(sentAt), namesIn(wanted, PERMITTED));
      return say(`${isInTime ? "ok" : "late"} ${n ?? ""}`);
    }
    const opening = /^open (\d{1,15})$/.exec(command);
    if (opening) {
      outputs.release();
      return say(`ok ${opening[1] ?? ""}`);
    }
    const [, lit] = /^lamps ([a-z,]+|-)$/.exec(command) ?? [];
    if (lit === undefined) throw notACommand(command);
    lamps.light(namesIn(lit, LAMPS));
  };

  const look = (): void => {
    for (const [name, watch] of inputs) {
      const report = watch.look(monotonicMs(), outputs.isPermitted);
      if (report) say(report.kind === "lost" ? `lost ${name} ${report.reason}` : `input ${name} ${+report.active}`);
    }
  };

  look(); // opens the contacts, before any permit could wait for it
  if (inputs.length > 0) setInterval(look, LOOK_MS);
  let rest = "";
  process.stdin.setEncoding("latin1");
  process.stdin.on("data", (text: string) => {
    const commands = (rest + text).split("\n");
    rest = commands.pop() ?? "";
    for (const command of commands) obey(command);
  });
  process.stdin.on("end", () => end(0));
  process.stdin.on("error", () => end(1));
  say(`ready ${JSON.stringify({ driver: driver.name, openers: outputs.openers })}`);
}

function namesIn(list: string, known: readonly string[]): ReadonlySet<string> {
  const names = new Set(list === "-" ? [] : list.split(","));
  for (const name of names) if (!known.includes(name)) throw notACommand(list);
  return names;
}

function notACommand(text: string): Error {
  return new Error(`not a command of the relay holder: ${JSON.stringify(text.slice(0, 80))}`);
}

try {
  const config = JSON.parse(process.argv[2] ?? "") as LinesConfig;
  serve(await openDriver(config.driver), config);
} catch (error) {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  const hint = error instanceof Error && "hint" in error ? error.hint : undefined;
  process.stdout.write(`failed ${JSON.stringify({ name, message, hint })}\n`, () => process.exit(1));
}
