import { writeSync } from "node:fs";
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { type CommandIo, printError } from "./commands/command-io.js";
import { RefusedError } from "./commands/refused-error.js";
import { ConfigError } from "./config-error.js";

/**
 * The process of one machine's controller. This file and config.ts are the only ones that look at the environment; each
 * command is loaded when it is asked for, so that the running agent carries nothing of the others.
 */
const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
const io: CommandIo = {
  version,
  stdin: process.stdin,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  wallClock: () => Date.now(),
  monotonic: () => performance.now(),
};

const DEFAULT_CONFIG = "/etc/badgekey/agent.yaml";
const EXIT = { ok: 0, refused: 1, wrongUsage: 2 } as const;

function program(): Command {
  const config = [
    "-c, --config <file>",
    "the agent's YAML file",
    process.env["BADGEKEY_AGENT_CONFIG"] ?? DEFAULT_CONFIG,
  ] as const;
  const command = new Command("badgekey-agent")
    .description("The controller beside one machine: reads badges, decides offline, gives the start permission.")
    .version(version)
    .showHelpAfterError("(run `badgekey-agent --help` to see what there is)")
    .configureOutput({ outputError: (text, write) => write(`badgekey-agent: ${text}`) })
    .exitOverride();
  command
    .command("run")
    .description("guard the machine until SIGTERM or SIGINT; logs as JSON lines on standard error")
    .option(...config)
    .addHelpText(
      "after",
      "\nPrints one JSON line on standard output when it is ready. Needs `enroll` to have been done.",
    )
    .action(async (options: { config: string }) => {
      const { runAgent } = await import("./commands/run.js");
      await runAgent(options, io, process);
    });
  command
    .command("enroll")
    .description("take this controller into a site, by the line that `badgekey agent invite` or the console shows")
    .option(...config)
    .option("--replace", "take the place of an enrolment that is there", false)
    .addHelpText(
      "after",
      "\nReads the line from standard input, so that it stays out of the shell's history. Prints the\nfingerprint of the agent's key on standard output.",
    )
    .action(async (options: { config: string; replace: boolean }) => {
      const { runEnroll } = await import("./commands/enroll.js");
      await runEnroll(options, io);
    });
  command
    .command("doctor")
    .description("look at reader, pins, gateway, lists, journal, disk and service, and say what mends what is wrong")
    .option(...config)
    .option("--card", "wait for a card on the reader, and say what is seen on it", false)
    .option("--json", "one JSON object instead of lines", false)
    .addHelpText(
      "after",
      "\nExits with 1 when anything failed. Changes nothing; the agent may be running, but not for --card.\nRun it as the agent's user, or as root.",
    )
    .action(async (options: { config: string; card: boolean; json: boolean }) => {
      const { runDoctor } = await import("./commands/doctor.js");
      const good = await runDoctor(options, io);
      process.exitCode = good ? EXIT.ok : EXIT.refused;
    });
  command
    .command("lines-off")
    .description(
      "set every wired output inactive; for the service's unit, when no process of the agent is left to do it",
    )
    .option(
      "--in-use",
      "as the first option: what the service used last, at once, and the rest only where that fails",
      false,
    )
    .option(...config)
    .addHelpText(
      "after",
      "\nExits with 1 when an output did not become inactive. Needs neither network nor enrolment.\nFor a running agent stop its service instead: it would go on with the lines that are taken from it here.",
    )
    .action(async (options: { config: string }) => {
      const { runLinesOff } = await import("./commands/lines-off.js");
      const good = await runLinesOff(options, io);
      process.exitCode = good ? EXIT.ok : EXIT.refused;
    });
  command
    .command("label")
    .description("a printable label for a machine without a screen: what to do, and its QR code, as SVG")
    .option(...config)
    .option("-o, --out <file>", "where the SVG goes, instead of standard output")
    .option("--name <name>", "what the label calls the machine, instead of its name in the console")
    .action(async (options: { config: string; out?: string; name?: string }) => {
      const { runLabel } = await import("./commands/label.js");
      await runLabel(options, io);
    });
  return command;
}

/** The exit code for what a command ended with. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.wrongUsage;
  if (error instanceof ConfigError) {
    printError(io, error.message, "correct the file, then see what is left: badgekey-agent doctor --config <file>");
    return EXIT.refused;
  }
  if (error instanceof RefusedError) {
    printError(io, error.message, error.hint);
    return EXIT.refused;
  }
  printError(
    io,
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    "this is a defect: please report it with these lines",
  );
  return EXIT.refused;
}

// Whoever read our output is gone: no reason to end a session.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

// Whatever nobody expected ends the process at once: the relay holder sees its pipe close and opens (SAFETY R2).
process.on("uncaughtException", (error) => {
  try {
    // Synchronous, because nothing else is certain to come out any more.
    writeSync(2, `badgekey-agent: error: ${error.stack ?? error.message}\n`);
  } finally {
    process.exit(EXIT.refused);
  }
});

try {
  await program().parseAsync();
} catch (error) {
  // What was opened before the trouble does not keep the process: the relay holder opens when its pipe closes.
  process.exit(tell(error));
}
