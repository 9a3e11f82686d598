import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { agentSuite } from "./agent-suite.js";
import type { CaseResult } from "./guest/cases.js";
import { piSuite } from "./pi-suite.js";
import { bootCases, type Suite } from "./suite.js";
import { cacheFolder, guestKernel } from "./vm/guest-kernel.js";
import { makeSoftwareImage } from "./vm/software-image.js";

const suites: readonly Suite[] = [
  {
    name: "relay",
    run: (context) =>
      bootCases(context, {
        command: `node test/dist/gpio/guest/relay-main.js ${context.strict ? "--strict" : ""}`,
        timeoutMs: 400_000,
      }),
  },
  agentSuite,
  piSuite,
];

/**
 * Boots guest after guest, one line a case on standard error; `--json` prints the same as one object on standard
 * output. The simulated lines, or with `--board` the emulated Raspberry Pi. With `--prepare` only what every run needs
 * is built, and kept. Resolves with the exit code: 0 when every case held.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      strict: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      board: { type: "boolean", default: false },
      prepare: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
    },
  });
  const isOfBoard = ({ name }: Suite): boolean => name === piSuite.name;
  const chosen = suites.filter((suite) => values.only?.includes(suite.name) ?? isOfBoard(suite) === values.board);
  if (chosen.length === 0) throw new Error(`--only takes one of ${suites.map(({ name }) => name).join(", ")}`);
  // So that QEMU, a child, ends with this process whatever ends it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const cache = cacheFolder(process.env);
  const kernel = await guestKernel(cache, say);
  say(`kernel ${kernel.version}`);
  if (values.prepare) return 0;
  const beganAt = performance.now();
  const results: CaseResult[] = [];
  const onCase = (result: CaseResult): void => {
    results.push(result);
    say(lineOf(result));
  };
  const onLine = (line: string): void => {
    if (values.verbose) say(`    | ${line}`);
  };
  const folder = await mkdtemp(join(tmpdir(), "badgekey-software-"));
  const software = await makeSoftwareImage(folder);
  for (const { name, run } of chosen) {
    const suiteAt = performance.now();
    say(`== ${name}`);
    try {
      await run({ kernel, software, cache, strict: values.strict, onCase, onLine, say });
    } catch (error) {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      onCase({ name: `the guest of ${name}`, ms: Math.round(performance.now() - suiteAt), figures: {}, failure });
    }
    say(`== ${name}: ${((performance.now() - suiteAt) / 1000).toFixed(0)} s`);
  }
  await rm(folder, { recursive: true, force: true });
  const failed = results.filter(({ failure }) => failure !== undefined).length;
  const seconds = Math.round((performance.now() - beganAt) / 1000);
  say(`cases: ${results.length - failed} held, ${failed} failed; ${seconds} s`);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ kernel: kernel.version, seconds, failed, cases: results })}\n`);
  }
  return failed > 0 ? 1 : 0;
}

function lineOf({ name, ms, figures, failure }: CaseResult): string {
  const beside = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`);
  const words = [failure === undefined ? "ok    " : "FAILED", `${(ms / 1000).toFixed(1)} s`.padStart(7), name];
  const line = beside.length > 0 ? `${words.join("  ")}: ${beside.join(", ")}` : words.join("  ");
  return failure === undefined ? line : `${line}\n${failure.replaceAll(/^/gm, "          ")}`;
}
