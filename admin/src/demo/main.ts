import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import pico from "picocolors";
import { type DataDir, DemoError, deleteDataDir, openDataDir } from "./data-dir.js";
import { type OpenedDemo, defaultDataPath, openDemo } from "./open-demo.js";
import { type DemoOptions, DemoUsageError, readDemoOptions, usage } from "./options.js";
import { isFree } from "./ports.js";
import { findUsbReader } from "./programs.js";
import { servePage } from "./server.js";
import { type StepReport, runStory } from "./story.js";
import { storySteps } from "./story-steps.js";

const now = () => Date.now();
const say = (text: string) => void process.stderr.write(`${text}\n`);
const progress = (text: string) => say(pico.dim(`  ${text} …`));
const troubles: string[] = [];
const tellTrouble = (text: string) => {
  troubles.push(text);
  if (!closing) say(`${pico.red("!")} ${text}`);
};

const MOST_CLOSING_MS = 5000;

/** What has to be closed when the demo ends, newest first. */
const closers: (() => Promise<void>)[] = [];
let closing: Promise<void> | undefined;

function closeAll(): Promise<void> {
  closing ??= (async () => {
    for (const close of closers.reverse()) {
      await close().catch((error: unknown) => tellTrouble(error instanceof Error ? error.message : String(error)));
    }
  })();
  return closing;
}

function onSignal(signal: NodeJS.Signals): void {
  // The second Ctrl-C is meant: processes started here get no more time.
  if (closing) process.exit(130);
  say(`\nstopping (${signal})`);
  const code = signal === "SIGINT" ? 130 : 143;
  // Whatever hangs then is ended by the exit handlers.
  setTimeout(() => process.exit(code), MOST_CLOSING_MS).unref();
  void closeAll().then(() => process.exit(code));
}

async function run(options: DemoOptions): Promise<number> {
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  return options.script ? runScript(options) : runPage(options);
}

async function runPage(options: DemoOptions): Promise<number> {
  const path = options.data ?? defaultDataPath(process.cwd());
  if (!(await isFree(options.port))) {
    throw new DemoError(
      `port ${options.port} is taken: another demo, or another program`,
      `stop it, or use another port: npm start -- --port ${options.port + 1}`,
    );
  }
  if (options.fresh && !(await startOver(path, options.yes))) return 1;
  const data = await openData(path);
  say(data.isSetUp ? "Badgekey demo site" : "Badgekey demo site, first start: this takes some seconds");
  const usb = await findUsbReader();
  if (usb !== undefined) say(`  a USB reader is plugged in (${usb}): real cards work at laser-1, too`);
  const opened = await open(data, usb);
  const page = await servePage({ ...opened, port: options.port, troubles });
  closers.push(() => page.close());
  process.stdout.write(`${page.url}\n`);
  await new Promise<never>(() => undefined);
  return 0;
}

async function runScript(options: DemoOptions): Promise<number> {
  const temporary = options.data === undefined ? await mkdtemp(join(tmpdir(), "badgekey-demo-")) : undefined;
  if (temporary !== undefined) closers.push(() => rm(temporary, { recursive: true, force: true }));
  const data = await openData(options.data ?? join(temporary ?? "", "data"));
  const steps = storySteps({ now, start: () => open(data, undefined, options.json ? () => undefined : progress) });
  const report = await runStory(steps, (step, total) => {
    if (!options.json) process.stdout.write(stepLine(step, total));
  });
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else if (report.broken) {
    process.stdout.write(pico.red(`\nstep ${report.broken.step} did not come out as told: ${report.broken.title}\n`));
  } else
    process.stdout.write(
      pico.green(`\nall ${report.total} steps came out as told, in ${(report.ms / 1000).toFixed(1)} s\n`),
    );
  return report.ok ? 0 : 1;
}

function stepLine({ step, title, ok, outcome, ms, latencyMs }: StepReport, total: number): string {
  const mark = ok ? pico.green("✓") : pico.red("✗");
  const times = Object.entries(latencyMs ?? {}).map(([name, value]) => `${name} ${value} ms`);
  const number = `${String(step).padStart(2)}/${total}`;
  return `${mark} ${number} ${title}\n        ${outcome}\n        ${pico.dim([...times, `step ${ms} ms`].join(" · "))}\n`;
}

async function openData(path: string): Promise<DataDir> {
  const data = await openDataDir(path);
  closers.push(() => data.release());
  return data;
}

async function open(data: DataDir, usbReader: string | undefined, tell = progress): Promise<OpenedDemo> {
  return openDemo({
    data,
    progress: tell,
    onTrouble: tellTrouble,
    now,
    ...(usbReader !== undefined && { usbReader }),
    onSite(site) {
      closers.push(() => site.close());
      process.once("exit", () => site.killAll());
    },
  });
}

async function startOver(path: string, yes: boolean): Promise<boolean> {
  if (!yes && process.stdin.isTTY) {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await lines.question(`Delete the demo's data in ${path}? [y/N] `);
    lines.close();
    if (!/^y(es)?$/i.test(answer.trim())) return false;
  }
  await deleteDataDir(path);
  return true;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
try {
  const code = await run(readDemoOptions(process.argv.slice(2)));
  await closeAll();
  process.exit(code);
} catch (error) {
  await closeAll();
  if (error instanceof DemoUsageError) {
    say(`badgekey: error: ${error.message}\n\n${usage}`);
    process.exit(2);
  } else if (error instanceof Error) {
    say(`badgekey: error: ${error.message}`);
    if (error instanceof DemoError) say(`badgekey: hint: ${error.hint}`);
    else say(error.stack ?? "");
    process.exit(1);
  }
}
