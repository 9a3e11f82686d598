import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const port = z.int().min(0).max(65_535);
const hostName = z.string().min(1).max(253);
const LOOPBACK = ["127.0.0.1", "::1", "localhost"];

const configSchema = z.strictObject({
  /** Database, keys and certificates; made at the first start. Relative to the config file. */
  dataDir: z.string().min(1),
  siteName: z.string().min(1).max(128),
  /** IANA name, e.g. America/New_York. */
  timeZone: z.string().refine(isTimeZone, "not a time zone: use a name such as America/New_York"),
  /** Plain HTTP, for this computer only. */
  http: z.strictObject({
    port,
    host: z
      .string()
      .refine((host) => LOOPBACK.includes(host), "plain HTTP is for 127.0.0.1 only: use https for other addresses")
      .default("127.0.0.1"),
  }),
  /** With a certificate of the site's own authority, under these names. */
  https: z
    .strictObject({ port, host: hostName.default("0.0.0.0"), names: z.array(hostName).min(1).max(16) })
    .optional(),
  broker: z.strictObject({
    host: hostName.default("0.0.0.0"),
    port,
    /** Where agents find it. */
    advertise: z.strictObject({ host: hostName, port }),
  }),
  heartbeatSeconds: z.int().min(1).max(3600).default(300),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]) }).default({ level: "info" }),
});

export type GatewayConfig = z.output<typeof configSchema>;

/** The config cannot be used; `problems` holds every one of them, with its path. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(
    readonly problems: readonly string[],
    options?: { readonly cause: unknown },
  ) {
    super(problems.join("; "), options);
  }
}

/** Reads gateway.yaml. Throws ConfigError with every problem at once. */
export function loadConfig(path: string): GatewayConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError([`${path} cannot be read: give the config file with --config`], { cause });
  }
  let plain: unknown;
  try {
    plain = parse(text);
  } catch (cause) {
    throw new ConfigError([`${path} is no YAML: ${(cause as Error).message}`], { cause });
  }
  const config = checkConfig(plain);
  return { ...config, dataDir: resolve(dirname(path), config.dataDir) };
}

/** Throws ConfigError with every problem at once. */
export function checkConfig(plain: unknown): GatewayConfig {
  const parsed = configSchema.safeParse(plain);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message)),
  );
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
