import { linesOff, type LinesOffDeps } from "../hardware/lines-off.js";
import { recallLines } from "../hardware/remembered-lines.js";

/**
 * `lines-off --in-use` for the agent's unit, where every moment counts: two killed processes may have left a relay
 * closed (SAFETY R2). Lets go of what the agent kept in the first of these folders that has it, without configuration
 * and libraries: a tenth of the time. False where nothing is kept in any, or an output did not become inactive: then
 * the whole command has to try, and to tell.
 */
export function lastLinesOff(folders: readonly string[], say: (line: string) => void, deps?: LinesOffDeps): boolean {
  for (const folder of folders) {
    try {
      const remembered = recallLines(folder);
      if (!remembered) continue;
      const results = linesOff(remembered, deps);
      for (const { line, pin, by } of results) if (by) say(`${line} GPIO ${String(pin)}: inactive (${by})`);
      return results.every(({ by }) => by !== undefined);
    } catch (error) {
      say(`what ${folder} says of the wiring cannot be used: ${(error as Error).message}`);
      return false;
    }
  }
  return false;
}
