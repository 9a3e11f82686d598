import { spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);

/** The programs of a site as the workspaces install them: run as they are, never imported. */
export const programs = {
  gateway: program("@badgekey/gateway", "bin/badgekey-gateway.mjs"),
  agent: program("@badgekey/device-agent", "bin/badgekey-agent.mjs"),
} as const;

function program(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

/** Where pcscd listens on Debian and Raspberry Pi OS. */
const PCSCD_SOCKET = "/run/pcscd/pcscd.comm";

/**
 * The name of a USB reader that can be used beside the simulated one; undefined when the driver is not installed, pcscd
 * does not run or shows none. Without a reader the machine would rightly report one as lost, and the demo would stand
 * still.
 */
export async function findUsbReader(withinMs = 2500): Promise<string | undefined> {
  const there = await access(PCSCD_SOCKET).then(
    () => true,
    () => false,
  );
  if (!there) return undefined;
  const probe = spawn(process.execPath, [fileURLToPath(new URL("./usb-reader-process.js", import.meta.url))], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: withinMs,
    killSignal: "SIGKILL",
  });
  const names = await new Promise<string>((resolve) => {
    let text = "";
    probe.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
    probe.once("error", () => resolve(""));
    probe.once("close", () => resolve(text));
  });
  return chooseReader(names.split("\n"));
}

/** Readers with a slot for security modules show it as a second reader, which no card is ever tapped on. */
export function chooseReader(names: readonly string[]): string | undefined {
  return names.find((name) => name !== "" && !/\b(?:SAM|ICC)\b/.test(name));
}
