import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DriverConfig, LAMPS, type LinesConfig, OUTPUTS, type Pin } from "./line.js";

const FILE = "lines.json";
const MOST_BYTES = 4096;
const DRIVERS: readonly unknown[] = ["auto", "sysfs", "chardev"] satisfies readonly DriverConfig["name"][];

/** Which outputs the agent used last, and how: all that is needed to let them go when every process has died. */
export type RememberedLines = Omit<LinesConfig, "inputs">;

/**
 * Keeps the outputs for `lines-off` in each of the folders, before the first of them is used. Need not survive a power
 * cut: the pins do not either. Rejects where a folder did not take it; nothing older stays there then.
 */
export async function rememberLines(
  folders: readonly string[],
  { driver, outputs, lamps }: LinesConfig,
): Promise<void> {
  if (driver.name === "simulated") return;
  const failures: unknown[] = [];
  for (const folder of folders) {
    const file = join(folder, FILE);
    try {
      await writeFile(`${file}.tmp`, JSON.stringify({ driver, outputs, lamps }), { mode: 0o600 });
      await rename(`${file}.tmp`, file);
    } catch (error) {
      failures.push(error);
      // What it says is no longer true: better none, then the whole command looks itself.
      await rm(file, { force: true }).catch((cause: unknown) => failures.push(cause));
    }
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Undefined where nothing was ever kept. Throws what is wrong with the file otherwise. Checks by hand: this is read
 * when a relay waits to be opened, and a schema's library takes longer to load than all the rest.
 */
export function recallLines(folder: string): RememberedLines | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, FILE), "utf8").slice(0, MOST_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const { driver, outputs, lamps } = membersOf(JSON.parse(text), ["driver", "outputs", "lamps"]);
  return { driver: driverIn(driver), outputs: pinsIn(outputs, OUTPUTS), lamps: pinsIn(lamps, LAMPS) };
}

function driverIn(value: unknown): DriverConfig {
  const { name, chipLabel, base } = membersOf(value, ["name", "chipLabel", "base"]);
  const isLabel = chipLabel === undefined || typeof chipLabel === "string";
  const isBase = base === undefined || (Number.isSafeInteger(base) && Number(base) >= 0);
  if (!DRIVERS.includes(name) || !isLabel || !isBase) throw damaged();
  return value as DriverConfig;
}

function pinsIn<Name extends string>(value: unknown, names: readonly Name[]): { readonly [name in Name]?: Pin } {
  for (const pin of Object.values(membersOf(value, names))) {
    const { pin: number, activeLow } = membersOf(pin, ["pin", "activeLow"]);
    const isPin = Number.isInteger(number) && Number(number) >= 0 && Number(number) <= 27;
    if (!isPin || typeof activeLow !== "boolean") throw damaged();
  }
  return value as { readonly [name in Name]?: Pin };
}

/** The members of an object that has none but these. */
function membersOf<Name extends string>(value: unknown, names: readonly Name[]): { readonly [name in Name]?: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged();
  if (Object.keys(value).some((name) => !names.includes(name as Name))) throw damaged();
  return value;
}

function damaged(): Error {
  return new Error(`${FILE} is damaged: the agent writes it anew at its next start`);
}
