import { parseArgs } from "node:util";

export interface DemoOptions {
  readonly port: number;
  /** Undefined: ./data for the page, a temporary directory for the script. */
  readonly data: string | undefined;
  readonly fresh: boolean;
  readonly yes: boolean;
  readonly script: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/** The command line is wrong: exit 2. */
export class DemoUsageError extends Error {
  override readonly name = "DemoUsageError";
}

export const DEFAULT_PORT = 8090;

export const usage = `A whole Badgekey site on this computer, with simulated machines.

  npm start                      the site with its page; keeps its data in ./data
  npm start -- --fresh           start over: deletes ./data (asks first; --yes for scripts)
  npm start -- --port 8091       another port for the page (default ${DEFAULT_PORT})
  npm start -- --data DIR        another place for its data
  npm run demo -- --script       the story of the main job, headless; exit 0 only when every step came out as told
  npm run demo -- --script --json
`;

/** Reads the demo's options; throws DemoUsageError. */
export function readDemoOptions(argv: readonly string[]): DemoOptions {
  let values: ReturnType<typeof parse>["values"];
  try {
    values = parse(argv).values;
  } catch (cause) {
    throw new DemoUsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const port = Number(values.port ?? DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(values.port ?? "1") || port < 1 || port > 65_535) {
    throw new DemoUsageError(`--port ${values.port ?? ""}: write a number from 1 to 65535`);
  }
  if (values.json && !values.script) throw new DemoUsageError("--json belongs to --script");
  return {
    port,
    data: values.data,
    fresh: values.fresh ?? false,
    yes: values.yes ?? false,
    script: values.script ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      port: { type: "string" },
      data: { type: "string" },
      fresh: { type: "boolean" },
      yes: { type: "boolean" },
      script: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
}
