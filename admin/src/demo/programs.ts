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
 * Whether a USB reader can be used beside the simulated one: the driver is installed, pcscd runs and shows a reader.
 * Without a reader the machine would rightly report one as lost, and the demo would stand still.
 */
export async function hasUsbReader(withinMs = 2000): Promise<boolean> {
  const there = await access(PCSCD_SOCKET).then(
    () => true,
    () => false,
  );
  if (!there) return false;
  const probe = spawn(process.execPath, [fileURLToPath(new URL("./usb-reader-process.js", import.meta.url))], {
    stdio: "ignore",
    timeout: withinMs,
    killSignal: "SIGKILL",
  });
  return new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.once("exit", (code) => resolve(code === 0));
  });
}
