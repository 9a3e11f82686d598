import { Command, CommanderError } from "commander";
import { requestCodes } from "@badgekey/shared";
import { ApiError, UnreachableError } from "../api/index.js";
import { addAgentCommands } from "./commands/agent.js";
import { addBadgeCommands } from "./commands/badge.js";
import { addInitCommand } from "./commands/init.js";
import { addLogCommands } from "./commands/log.js";
import { addMachineCommands } from "./commands/machine.js";
import { addPersonCommands } from "./commands/person.js";
import { addStatusCommand } from "./commands/status.js";
import { addTrainingCommands } from "./commands/training.js";
import { type CliIo, RefusedError, UsageError } from "./io.js";
import { printable } from "./output.js";

const EXIT_REFUSED = 1;
const EXIT_USAGE = 2;

/**
 * Runs one command line and gives the exit code: 0 done, 1 refused, 2 wrong usage. Never throws for what a person did.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    return tell(io, error, argv.includes("--json"));
  }
}

function createProgram(io: CliIo): Command {
  const program = new Command("badgekey")
    .description("training badges that are the key of the machine")
    .option("--json", "print data as JSON")
    .option("--url <url>", "the gateway (or BADGEKEY_URL)")
    .option("--token-file <file>", "file that holds the staff token (or BADGEKEY_TOKEN_FILE)")
    .option("--ca <file>", "CA certificate of the gateway, PEM (or BADGEKEY_CA_FILE)")
    .option("--config <file>", "config of this command (or BADGEKEY_CONFIG)");
  for (const add of [
    addInitCommand,
    addTrainingCommands,
    addPersonCommands,
    addMachineCommands,
    addBadgeCommands,
    addAgentCommands,
    addLogCommands,
    addStatusCommand,
  ]) {
    add(program, io);
  }
  configure(program, io);
  return program;
}

/** Errors come to `tell`, help goes where data goes, on every level of commands. */
function configure(command: Command, io: CliIo): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => {
      io.write(text);
    },
    writeErr: (text) => {
      io.say(text);
    },
    outputError: (text, write) => {
      write(text.replace(/^error: /, "badgekey: error: "));
    },
  });
  command.showHelpAfterError("badgekey: hint: add --help to see what is possible");
  for (const child of command.commands) configure(child, io);
}

function tell(io: CliIo, error: unknown, json: boolean): number {
  if (error instanceof CommanderError) {
    // Help and version end with 0; commander has already said what was wrong with the rest.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const { code, message, hint } = describe(error);
  const usage = error instanceof UsageError;
  const printed = error instanceof RefusedError && error.printed;
  if (json && !printed) {
    io.write(`${JSON.stringify({ error: { code, detail: message, ...(hint !== undefined && { hint }) } }, null, 2)}\n`);
  }
  io.say(`badgekey: error: ${printable(message)}\n`);
  if (hint !== undefined && hint !== "") io.say(`badgekey: hint: ${printable(hint)}\n`);
  return usage ? EXIT_USAGE : EXIT_REFUSED;
}

function describe(error: unknown): { code: string; message: string; hint: string | undefined } {
  if (error instanceof ApiError) {
    return { code: error.code, message: error.detail || meaningOf(error.code), hint: error.hint };
  }
  if (error instanceof UnreachableError) return { code: "UNREACHABLE", message: error.message, hint: error.hint };
  if (error instanceof UsageError) return { code: "USAGE", message: error.message, hint: error.hint };
  if (error instanceof RefusedError) return { code: error.code, message: error.message, hint: error.hint };
  throw error;
}

function meaningOf(code: string): string {
  return code in requestCodes ? requestCodes[code as keyof typeof requestCodes] : code;
}
