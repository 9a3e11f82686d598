import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AGENT_ID } from "@badgekey/shared";
import { type Document, parseDocument } from "yaml";
import { z } from "zod";
import { ConfigError } from "./config-error.js";
import { relaySchema } from "./config-relay.js";
import { screenSchema } from "./config-screen.js";

const mostBytes = 65_536;
/** A Unix socket's path fits into sockaddr_un: 108 bytes with the final zero. */
const mostSocketPath = 107;

const text = (what: string, most = 256) =>
  z
    .string({ error: `write ${what}` })
    .min(1, `write ${what}`)
    .max(most, `use at most ${String(most)} characters`);

const socket = text("the path of the bench's socket", mostSocketPath);

const readerSchema = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("pcsc"),
    /** Part of the reader's name as pcscd shows it: needed as soon as more than one reader is plugged in. */
    name: text("a part of the reader's name, as `badgekey-agent doctor` shows it").optional(),
  }),
  z.strictObject({ driver: z.literal("simulated"), socket }),
]);

const gatewaySchema = z.strictObject({
  host: text("a host name or an IP address", 253).regex(
    /^[A-Za-z0-9.:-]+$/,
    "write a host name or an IP address, without port or path",
  ),
  port: z
    .int({ error: "write a port number, such as 8883" })
    .min(1, "write a port number from 1 to 65535")
    .max(65_535, "write a port number from 1 to 65535"),
});

export const logLevels = ["debug", "info", "warn", "error"] as const;

const configSchema = z.strictObject({
  agent: text("the agent's id, as the gateway knows it").regex(
    AGENT_ID,
    "use 1 to 32 of a-z, 0-9 and inner hyphens, such as laser-1",
  ),
  dataDir: text("the folder for the agent's data, such as /var/lib/badgekey-agent", 512),
  readers: z
    .array(readerSchema, { error: "write a list with at least one reader, such as `- driver: pcsc`" })
    .min(1, "write at least one reader, such as `- driver: pcsc`")
    .max(8, "use at most 8 readers")
    .superRefine(refuseAmbiguousReaders),
  relay: relaySchema,
  screen: screenSchema.optional(),
  /** Overrides the broker's address of the enrolment; the certificate is still checked for the enrolled name. */
  gateway: gatewaySchema.optional(),
  log: z
    .strictObject({
      level: z.enum(logLevels, { error: `write one of ${logLevels.join(", ")}` }).default("info"),
    })
    .prefault({}),
});

export type AgentConfig = Readonly<z.output<typeof configSchema>>;
export type ReaderConfig = AgentConfig["readers"][number];
export type RelayConfig = AgentConfig["relay"];
export type ScreenConfig = NonNullable<AgentConfig["screen"]>;

/** Reads and checks the agent's one YAML file. Relative paths count from the file's folder. Throws a ConfigError. */
export async function readConfig(file: string): Promise<AgentConfig> {
  const refuse = (problem: string) => new ConfigError(file, [problem]);
  const { size } = await stat(file).catch((cause: unknown) => {
    throw refuse(`the file cannot be read (${codeOf(cause)}): name it with --config`);
  });
  if (size > mostBytes) throw refuse(`the file has ${String(size)} bytes; at most ${String(mostBytes)} are read`);
  const yaml = await readFile(file, "utf8").catch((cause: unknown) => {
    throw refuse(`the file cannot be read (${codeOf(cause)}): give this user the right to read it`);
  });
  return parseConfig(yaml, file);
}

/**
 * Checks the text of a configuration; `file` names it in errors and is what relative paths start from. Throws a
 * ConfigError.
 */
export function parseConfig(yaml: string, file: string): AgentConfig {
  const document = parseDocument(yaml, { uniqueKeys: true, prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map((error) => error.message.split("\n")[0] ?? error.message),
    );
  }
  const parsed = configSchema.safeParse(plainValue(document, file));
  if (!parsed.success) throw new ConfigError(file, parsed.error.issues.flatMap(describe));
  return withAbsolutePaths(parsed.data, file);
}

function plainValue(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 16 });
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new ConfigError(file, [`write values out instead of using so many aliases: ${cause.message}`]);
  }
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue): string[] {
  const path = issue.path.map(String).join(".");
  const at = (message: string) => (path ? `${path}: ${message}` : message);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => at(`unknown key "${key}": remove it or correct its name`));
  }
  if (issue.code === "invalid_union" && "options" in issue) {
    return [at(`write one of ${(issue.options as readonly unknown[]).map(String).join(", ")}`)];
  }
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input")) {
    const wanted = path ? "a group of keys" : "the keys agent, dataDir, readers and relay";
    return [at(`write ${issue.expected === "object" ? wanted : `a ${issue.expected}`}`)];
  }
  return [at(issue.message)];
}

function refuseAmbiguousReaders(readers: readonly z.output<typeof readerSchema>[], context: z.RefinementCtx): void {
  const pcsc = readers.flatMap((reader, index) => (reader.driver === "pcsc" ? [{ name: reader.name, index }] : []));
  if (pcsc.length < 2) return;
  const names = new Set<string>();
  for (const { name, index } of pcsc) {
    if (name === undefined) {
      const message = "with several pcsc readers, write which one this is";
      context.addIssue({ code: "custom", path: [index, "name"], message });
    } else if (names.has(name)) {
      context.addIssue({ code: "custom", path: [index, "name"], message: "another reader has this name already" });
    } else {
      names.add(name);
    }
  }
}

function withAbsolutePaths(config: AgentConfig, file: string): AgentConfig {
  const absolute = (path: string) => resolve(dirname(file), path);
  const tooLong: string[] = [];
  const mount = <T extends { readonly driver: string }>(device: T): T => {
    if (!("socket" in device) || typeof device.socket !== "string") return device;
    const path = absolute(device.socket);
    if (Buffer.byteLength(path) > mostSocketPath) tooLong.push(path);
    return { ...device, socket: path };
  };
  const mountScreen = (screen: ScreenConfig): ScreenConfig =>
    screen.driver === "page" && screen.messages !== undefined
      ? { ...screen, messages: absolute(screen.messages) }
      : mount(screen);
  const mounted = {
    ...config,
    dataDir: absolute(config.dataDir),
    readers: config.readers.map(mount),
    relay: mount(config.relay),
    ...(config.screen && { screen: mountScreen(config.screen) }),
  };
  if (tooLong.length > 0) {
    const problem = `: a socket's path has at most ${String(mostSocketPath)} bytes: use a shorter folder`;
    throw new ConfigError(
      file,
      tooLong.map((path) => path + problem),
    );
  }
  return mounted;
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}
