import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// This file runs from the sources, in unit tests, and from dist; the C source and the programs lie at one place each.
const isBuilt = import.meta.url.includes("/test/dist/");
const source = fileURLToPath(new URL(`${isBuilt ? "../../storage" : "."}/fault-layer.c`, import.meta.url));
const programs = new URL(isBuilt ? "./" : "../dist/storage/", import.meta.url);

export interface FaultLayer {
  /**
   * Runs one of the programs of this folder under the layer; resolves with its standard output, rejects when it fails.
   */
  run(program: string, environment: Readonly<Record<string, string>>): Promise<string>;
  remove(): void;
}

/** Compiles the layer into a folder of its own. Throws where there is no C compiler. */
export function buildFaultLayer(): FaultLayer {
  const folder = mkdtempSync(join(tmpdir(), "badgekey-fault-layer-"));
  const library = join(folder, "fault-layer.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-lpthread"], { stdio: "inherit" });
  return {
    async run(program, environment) {
      const child = spawn(process.execPath, [fileURLToPath(new URL(program, programs))], {
        env: { ...process.env, ...environment, LD_PRELOAD: library },
        stdio: ["ignore", "pipe", "inherit"],
      });
      let told = "";
      child.stdout.on("data", (chunk: Buffer) => (told += chunk.toString("utf8")));
      const [code, signal] = (await once(child, "close")) as [number | null, string | null];
      if (code !== 0) throw new Error(`${program} ended with ${String(code ?? signal)}: ${told}`);
      return told;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
