import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { LogView } from "@badgekey/shared";
import { type Command, Option } from "commander";
import type { LogQuery } from "../../api/index.js";
import { readEnd, readNumber, readStart } from "../grant-option.js";
import { RefusedError } from "../io.js";
import type { Column, Output } from "../output.js";
import { counted, spanWord } from "../../words.js";
import { type AddCommands, withSession } from "./command.js";

const columns = (out: Output): readonly Column<LogView>[] => [
  { head: "at", cell: ({ at }) => out.when(at) },
  { head: "machine", cell: ({ machine }) => machine },
  { head: "what", cell: ({ kind }) => kindWord(kind) },
  { head: "person", cell: ({ personName, holder }) => personName ?? holder },
  { head: "for", cell: ({ durationMs }) => (durationMs === null ? "" : spanWord(durationMs)), align: "right" },
  { head: "why", cell: ({ code, reason }) => [code, reason].filter((part) => part !== null).join(": ") },
];

/** "sessionStarted" → "use started": a use is what people call a session. */
function kindWord(kind: string): string {
  const words = kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words
    .replace(/\bsession\b/, "use")
    .replace(/^agent/, "controller")
    .replace(/^fault/, "attention needed:");
}

interface Filters {
  readonly machine?: string;
  readonly agent?: string;
  readonly person?: string;
  readonly kind?: string;
  readonly code?: string;
  readonly since?: string;
  readonly until?: string;
}

function addFilters(command: Command): Command {
  return command
    .option("--machine <id>")
    .option("--agent <id>", "one machine controller")
    .option("--person <id>")
    .option("--kind <kind>", "e.g. sessionStarted, tapRefused")
    .option("--code <code>", "e.g. TRAINING_MISSING")
    .option("--since <when>", "2027-01-31 or 2027-01-31T12:00:00Z", readStart)
    .option("--until <when>", "as --since; a day alone is included", readEnd);
}

function filtersOf({ machine, agent, person, kind, code, since, until }: Filters): LogQuery {
  const given = Object.entries({ machine, agent, person, kind, code, since, until });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

export const addLogCommands: AddCommands = (program, io) => {
  const log = program
    .command("log")
    .description("the usage log: who used what, when, for how long; who was refused and why");
  addFilters(log.command("list").description("newest entries first"))
    .option("--limit <n>", "how many (default: 50)", readNumber)
    .option("--after <cursor>", "go on where an earlier list ended")
    .action(
      withSession(io, async ({ api, out }, options: Filters & { limit?: number; after?: string }) => {
        const page = await (
          await api()
        ).log({
          ...filtersOf(options),
          limit: options.limit ?? 50,
          ...(options.after !== undefined && { after: options.after }),
        });
        if (out.json) {
          out.facts(page, []);
          return;
        }
        out.rows(page.rows, columns(out), "nothing in the log yet");
        if (page.next !== null) out.next(`older entries: badgekey log list --after ${page.next}`);
      }),
    );
  addFilters(log.command("export").description("the whole log, or what fits the filters"))
    .addOption(new Option("--format <format>").choices(["csv", "json"]).default("csv"))
    .option("--output <file>", "write to a file instead of standard output")
    .action(
      withSession(io, async ({ api, out }, options: Filters & { format: "csv" | "json"; output?: string }) => {
        const format = out.json ? "json" : options.format;
        const body = await (await api()).exportLog(format, filtersOf(options));
        if (options.output === undefined) {
          const decoder = new TextDecoder();
          for await (const chunk of Readable.fromWeb(body as never))
            io.write(decoder.decode(chunk as Uint8Array, { stream: true }));
          io.write(decoder.decode());
          return;
        }
        const path = resolve(io.cwd, options.output);
        // A broken connection must not leave half a log that looks whole.
        const draft = `${path}.part`;
        await pipeline(Readable.fromWeb(body as never), createWriteStream(draft, { mode: 0o600 }));
        await rename(draft, path);
        out.say(`written to ${path}: it names people, keep it as such`);
      }),
    );
  log
    .command("verify")
    .description("check every chain of the log for gaps and changes")
    .action(
      withSession(io, async ({ api, out }) => {
        const result = await (await api()).verifyLog();
        out.facts(result, [
          ["entries", result.rows],
          ["machine controllers", result.agents],
          ["problems", result.problems.length === 0 ? "none: complete and unaltered" : result.problems.length],
          ...result.problems.map(
            ({ agent, kind, boot, sequence, detail }) =>
              [`${kind} at ${agent}`, `start ${boot}, entry ${sequence}: ${detail}`] as const,
          ),
        ]);
        if (result.problems.length > 0) {
          throw new RefusedError(`${counted(result.problems.length, "problem")} in the log`, {
            hint: "keep a copy of the database before anything else",
            printed: true,
          });
        }
      }),
    );
};
