import { Command } from "commander";
import { createRequire } from "node:module";
import { pino } from "pino";
import { ListenError } from "./broker/tls-listener.js";
import { ConfigError, loadConfig } from "./config.js";
import { buildGateway } from "./gateway.js";
import { KeyFileError } from "./keys/key-files.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Data on stdout, people on stderr: one JSON line when everything listens. */
async function run(configPath: string): Promise<void> {
  // Names and keys: whatever is made below the data directory is for this user alone.
  process.umask(0o077);
  const config = loadConfig(configPath);
  const log = pino({ level: config.log.level, base: null }, pino.destination({ dest: 2, sync: true }));
  const gateway = buildGateway(config, {
    clock: () => Date.now(),
    nowMs: () => performance.now(),
    log,
    version,
    onFatal: fail,
  });
  const state: { stopping: boolean } = { stopping: false };
  const stop = (): void => {
    if (state.stopping) return;
    state.stopping = true;
    gateway.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        fail(error);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  try {
    const addresses = await gateway.start();
    process.stdout.write(`${JSON.stringify({ event: "ready", ...addresses })}\n`);
  } catch (error) {
    if (state.stopping) return;
    await gateway.stop();
    throw error;
  }
}

function fail(error: unknown): void {
  const [messages, hint] = explain(error);
  for (const message of messages) process.stderr.write(`badgekey-gateway: error: ${message}\n`);
  if (hint !== undefined) process.stderr.write(`badgekey-gateway: hint: ${hint}\n`);
  process.exit(1);
}

function explain(error: unknown): readonly [readonly string[], string?] {
  if (error instanceof ConfigError) return [error.problems, "correct the config file and start again"];
  if (error instanceof ListenError)
    return [[error.message], "the ports stand under http, https and broker in the config file"];
  if (error instanceof KeyFileError) return [[error.message]];
  if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY")) {
    return [
      ["the database is in use by another process"],
      "another gateway runs on this data directory: stop it first",
    ];
  }
  if (error instanceof Error && "code" in error && /^SQLITE_(CORRUPT|NOTADB)/.test(String(error.code))) {
    return [[`the database is damaged: ${error.message}`], "restore gateway.db in the data directory from your backup"];
  }
  if (error instanceof Error) return [[error.stack ?? error.message], "this is a defect; please report it"];
  return [[String(error)]];
}

const program = new Command("badgekey-gateway")
  .description("the server of a badgekey site: broker, store, issuer, API")
  .version(version)
  .exitOverride((end) => {
    process.exit(end.exitCode === 0 ? 0 : 2);
  });
program
  .command("run")
  .description("serve the site until SIGTERM or SIGINT")
  .requiredOption("--config <file>", "gateway.yaml")
  .action(async ({ config }: { config: string }) => {
    await run(config);
  });

program.parseAsync().catch(fail);
