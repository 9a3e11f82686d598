import { readConfig } from "../config.js";
import { linesOff } from "../hardware/lines-off.js";
import { linesOf } from "../hardware/lines-of.js";
import { recallLines } from "../hardware/remembered-lines.js";
import type { CommandIo } from "./command-io.js";
import { RefusedError } from "./refused-error.js";

export interface LinesOffOptions {
  readonly config: string;
}

/**
 * `badgekey-agent lines-off`: makes every wired output inactive, for when no process of the agent is left to do it
 * (SAFETY R2). True where all of them are. Throws a ConfigError, and a RefusedError where the configured relay is
 * refused.
 */
export async function runLinesOff({ config: file }: LinesOffOptions, io: CommandIo): Promise<boolean> {
  const { relay, dataDir } = await readConfig(file);
  const own = linesOf(relay);
  if (!own.ok) throw new RefusedError(own.problem, "correct `relay` in the configuration");
  const { driver, outputs, lamps } = own.lines;
  let remembered: ReturnType<typeof recallLines>;
  try {
    remembered = recallLines(dataDir);
  } catch (error) {
    io.err(`badgekey-agent: what ${dataDir} says of the wiring cannot be used: ${(error as Error).message}\n`);
  }
  const results = linesOff({
    driver,
    // What is remembered was used; what the configuration names since then was not yet.
    outputs: { ...outputs, ...remembered?.outputs },
    lamps: { ...lamps, ...remembered?.lamps },
  });
  for (const { line, pin, by, problem } of results) {
    const told = by === undefined ? `failed: ${problem ?? ""}` : `inactive (${by})`;
    io.out(`${line} GPIO ${String(pin)}: ${told}\n`);
  }
  if (results.length === 0) io.out("no output of this machine hangs on a pin of this controller\n");
  return results.every(({ by }) => by !== undefined);
}
