import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** True in the namespace that the hardware tests have: a pcscd and a loopback of its own. */
export function isInside(): boolean {
  return process.env.BADGEKEY_HARDWARE_INSIDE === "1";
}

/** Runs a benchmark once more, in that namespace, and hands on the object it prints. */
export function runInside(benchmark: string): Readonly<Record<string, unknown>> {
  const agent = path.dirname(createRequire(import.meta.url).resolve("@badgekey/device-agent/package.json"));
  const runner = path.join(agent, "../test/hardware/run.mjs");
  const program = fileURLToPath(new URL("main.js", import.meta.url));
  const run = spawnSync(process.execPath, [runner, "--program", program, benchmark, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  const last = run.stdout.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) process.exit(run.status ?? 1);
  return JSON.parse(last) as Readonly<Record<string, unknown>>;
}
