import { type CliIo, UsageError } from "./io.js";

/**
 * Asks before what hurts or cannot be undone. `--yes` answers for scripts; without a person to ask it is wrong usage.
 */
export async function confirm(io: CliIo, question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes) return true;
  if (!io.interactive) throw new UsageError("nobody is there to be asked whether this is meant", "add --yes");
  const answer = await io.ask(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer?.trim() ?? "");
}
