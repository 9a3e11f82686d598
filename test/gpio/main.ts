import { parseArgs } from "node:util";
import { type CaseResult, MARK } from "./guest/cases.js";
import { bootGuest, type GuestOptions } from "./vm/boot-guest.js";
import { cacheFolder, type GuestKernel, guestKernel } from "./vm/guest-kernel.js";

/** What one boot needs beside the kernel. */
export interface SuiteContext {
  readonly kernel: GuestKernel;
  /** Passed on to the guest's programs. */
  readonly strict: boolean;
  readonly onCase: (result: CaseResult) => void;
  /** A line of a guest's console that is no case; shown with `--verbose`. */
  readonly onLine: (line: string) => void;
}

export interface Suite {
  readonly name: string;
  run(context: SuiteContext): Promise<void>;
}

const suites: readonly Suite[] = [
  {
    name: "relay",
    run: (context) =>
      bootCases(context, { command: `node test/dist/gpio/guest/relay-main.js ${context.strict ? "--strict" : ""}` }),
  },
];

/**
 * Boots guest after guest, one line a case on standard error; `--json` prints the same as one object on standard output.
 * Resolves with the exit code: 0 when every case held.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      strict: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
    },
  });
  const chosen = suites.filter(({ name }) => values.only?.includes(name) ?? true);
  if (chosen.length === 0) throw new Error(`--only takes one of ${suites.map(({ name }) => name).join(", ")}`);
  const beganAt = performance.now();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const kernel = await guestKernel(cacheFolder(process.env), say);
  say(`kernel ${kernel.version}`);
  const results: CaseResult[] = [];
  const onCase = (result: CaseResult): void => {
    results.push(result);
    say(lineOf(result));
  };
  const onLine = (line: string): void => {
    if (values.verbose) say(`    | ${line}`);
  };
  for (const { name, run } of chosen) {
    const suiteAt = performance.now();
    say(`== ${name}`);
    try {
      await run({ kernel, strict: values.strict, onCase, onLine });
    } catch (error) {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      onCase({ name: `the guest of ${name}`, ms: Math.round(performance.now() - suiteAt), figures: {}, failure });
    }
    say(`== ${name}: ${((performance.now() - suiteAt) / 1000).toFixed(0)} s`);
  }
  const failed = results.filter(({ failure }) => failure !== undefined).length;
  const seconds = Math.round((performance.now() - beganAt) / 1000);
  say(`cases: ${results.length - failed} held, ${failed} failed; ${seconds} s`);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ kernel: kernel.version, seconds, failed, cases: results })}\n`);
  }
  return failed > 0 ? 1 : 0;
}

/** Boots one guest whose command runs cases. Rejects where it ends in any other way than by its own exit code of 0 or 1. */
export async function bootCases(
  { kernel, onCase, onLine }: SuiteContext,
  options: Omit<GuestOptions, "kernel" | "onLine">,
): Promise<void> {
  let seen = 0;
  let failed = 0;
  const guest = await bootGuest({
    ...options,
    kernel,
    onLine: (line) => {
      if (!line.startsWith(MARK)) {
        onLine(line);
        return;
      }
      const result = JSON.parse(line.slice(MARK.length)) as CaseResult;
      seen += 1;
      if (result.failure !== undefined) failed += 1;
      onCase(result);
    },
  });
  try {
    const end = await guest.ended;
    if (end.kind === "failed") throw new Error(`the guest ended without a result:\n${end.console}`);
    if (end.kind !== "exited") throw new Error(`the guest ended otherwise: ${end.kind}, after ${seen} cases`);
    if (seen === 0 || end.code !== (failed > 0 ? 1 : 0)) {
      throw new Error(`the guest's program ended with ${end.code} after ${seen} cases, ${failed} of them failed`);
    }
  } finally {
    await guest.remove();
  }
}

function lineOf({ name, ms, figures, failure }: CaseResult): string {
  const beside = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`);
  const words = [failure === undefined ? "ok    " : "FAILED", `${(ms / 1000).toFixed(1)} s`.padStart(7), name];
  const line = beside.length > 0 ? `${words.join("  ")}: ${beside.join(", ")}` : words.join("  ");
  return failure === undefined ? line : `${line}\n${failure.replaceAll(/^/gm, "          ")}`;
}
