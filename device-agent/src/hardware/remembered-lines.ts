import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { LAMPS, type LinesConfig, OUTPUTS } from "../hardware/line.js";

const FILE = "lines.json";
const MOST_BYTES = 4096;

const pin = z.strictObject({ pin: z.int().min(0).max(27), activeLow: z.boolean() });
const rememberedSchema = z.strictObject({
  outputs: z.partialRecord(z.enum(OUTPUTS), pin),
  lamps: z.partialRecord(z.enum(LAMPS), pin),
});

/** Which outputs the agent used last: all that is needed to let them go when every process has died. */
export type RememberedLines = Pick<LinesConfig, "outputs" | "lamps">;

/**
 * Keeps the outputs for `lines-off`, before the first of them is used. Need not survive a power cut: the pins do not
 * either.
 */
export async function rememberLines(dataDir: string, { driver, outputs, lamps }: LinesConfig): Promise<void> {
  if (driver.name === "simulated") return;
  const file = join(dataDir, FILE);
  await writeFile(`${file}.tmp`, JSON.stringify({ outputs, lamps }), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** Undefined where nothing was ever kept. Throws what is wrong with the file otherwise. */
export function recallLines(dataDir: string): RememberedLines | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, FILE), "utf8").slice(0, MOST_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return rememberedSchema.parse(JSON.parse(text));
}
