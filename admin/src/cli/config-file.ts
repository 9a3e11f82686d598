import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { type CliIo, UsageError } from "./io.js";

/** What `badgekey init` remembers: where the gateway is and where its token lies. Never the token itself. */
export const cliConfig = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  tokenFile: z.string().min(1),
  caFile: z.string().min(1).optional(),
});
export type CliConfig = z.output<typeof cliConfig>;

export function configPath(io: CliIo, given: string | undefined): string {
  const path = given ?? io.env.BADGEKEY_CONFIG;
  if (path) return resolve(io.cwd, path);
  const base = io.env.XDG_CONFIG_HOME;
  return join(base && isAbsolute(base) ? base : join(io.home, ".config"), "badgekey", "cli.yaml");
}

/** The stored config; undefined when there is none. Throws UsageError naming every member that is wrong. */
export async function loadCliConfig(path: string): Promise<CliConfig | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new UsageError(`${path} is no YAML`, "write it anew with: badgekey init", { cause });
  }
  const parsed = cliConfig.safeParse(value);
  if (!parsed.success) {
    throw new UsageError(`${path}: ${z.prettifyError(parsed.error)}`, "write it anew with: badgekey init");
  }
  return parsed.data;
}

/** Replaces the config in one step, so that an interrupted write leaves the old one. */
export async function saveCliConfig(path: string, config: CliConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  await writeFile(draft, stringify(config), { mode: 0o600 });
  await rename(draft, path);
}
