import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "./guest-kernel.js";

const run = promisify(execFile);
const MOST_OUTPUT = 16 * 1024 * 1024;

/**
 * An ext4 image of what was built and of the packages that it runs with, for a guest's `software`: the agent's start
 * reads a thousand small files, which takes the guest half a minute over 9p and a few seconds from here.
 */
export async function makeSoftwareImage(folder: string): Promise<string> {
  const packages = await run("npm", ["ls", "--all", "--omit=dev", "--parseable"], {
    cwd: REPOSITORY,
    maxBuffer: MOST_OUTPUT,
  }).catch((error: unknown) => {
    // It ends with an error for what it finds odd in the tree, and lists all the same.
    if (error instanceof Error && "stdout" in error) return { stdout: String(error.stdout) };
    throw error;
  });
  const paths = packages.stdout
    .split("\n")
    .map((path) => relative(REPOSITORY, path))
    .filter((path) => path.startsWith("node_modules/"));
  if (paths.length === 0) throw new Error("npm lists no package: run npm ci");
  const own = ["shared", "device-agent", "admin"].flatMap((name) => [`${name}/package.json`, `${name}/dist`]);
  const more = ["package.json", "shared/stubs", "device-agent/bin", "test/package.json", "test/dist/gpio", "deploy"];
  const list = join(folder, "software.txt");
  await writeFile(list, [...new Set([...own, ...more, ...paths])].join("\n"));
  const content = join(folder, "software");
  await mkdir(content);
  const image = join(folder, "software.img");
  const pack = `
    tar -C "$1" --exclude='*.map' --exclude='*.d.ts' --exclude='better-sqlite3/deps' -cf - -T "$2" | tar -C "$3" -xf -
    truncate -s 512M "$4"
    mkfs.ext4 -q -F -O ^has_journal -d "$3" "$4"`;
  await run("bash", ["-euo", "pipefail", "-c", pack, "pack", REPOSITORY, list, content, image]);
  await rm(content, { recursive: true });
  return image;
}
