import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The programs of a site as the workspaces install them: run as they are, never imported. */
export const programs = {
  gateway: program("@badgekey/gateway", "bin/badgekey-gateway.mjs"),
  agent: program("@badgekey/device-agent", "bin/badgekey-agent.mjs"),
} as const;

function program(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}

/** Where pcscd listens on Debian. */
const PCSCD_SOCKET = "/run/pcscd/pcscd.comm";

/**
 * Whether a USB reader can be used beside the simulated one: the driver is installed, pcscd runs and shows a reader.
 * Without a reader the machine would rightly report one as lost, and the demo would stand still.
 */
export async function hasUsbReader(withinMs = 1500): Promise<boolean> {
  const there = await access(PCSCD_SOCKET).then(
    () => true,
    () => false,
  );
  return there && (await seesReader(withinMs));
}

async function seesReader(withinMs: number): Promise<boolean> {
  let pcsc: Pcsc;
  try {
    // Optional: npm leaves it out where no compiler was found.
    pcsc = (require("@pokusew/pcsclite") as () => Pcsc)();
  } catch {
    return false;
  }
  return new Promise((resolve) => {
    const done = (found: boolean) => {
      clearTimeout(timer);
      pcsc.close();
      resolve(found);
    };
    const timer = setTimeout(() => done(false), withinMs);
    pcsc.on("reader", () => done(true));
    pcsc.on("error", () => done(false));
  });
}

interface Pcsc {
  on(event: "reader" | "error", listener: () => void): void;
  close(): void;
}
