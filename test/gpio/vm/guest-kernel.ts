import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The repository's folder, and this folder's scripts, whether this file runs from the sources or as it was built. */
export const REPOSITORY = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../../" : "../../../../", import.meta.url),
).replace(/\/$/, "");
export const SCRIPTS = join(REPOSITORY, "test/gpio/vm");

/** What a guest boots from: two files, and the kernel's version to tell people. */
export interface GuestKernel {
  readonly version: string;
  readonly vmlinuz: string;
  readonly initrd: string;
}

/** Where kernels are kept from run to run; $BADGEKEY_VM_CACHE names another folder. */
export function cacheFolder(environment: NodeJS.ProcessEnv): string {
  return environment["BADGEKEY_VM_CACHE"] ?? join(REPOSITORY, "node_modules/.cache/badgekey-vm");
}

/**
 * The kernel and the initramfs for `bootGuest`: from the cache where this version of the scripts built one, else built
 * in about a minute from Debian's packages (250 MB to fetch, 15 MB kept). Rejects with the builder's own complaint.
 */
export async function guestKernel(cache: string, log: (line: string) => void): Promise<GuestKernel> {
  const folder = await cachedBuild(cache, {
    prefix: "amd64",
    scripts: ["build-kernel.sh", "own-apt.sh"],
    whole: "vmlinuz",
    log,
  });
  return {
    version: (await readFile(join(folder, "kernel-version"), "utf8")).trim(),
    vmlinuz: join(folder, "vmlinuz"),
    initrd: await packInitrd(folder),
  };
}

export interface CachedBuild {
  readonly prefix: string;
  /** The first is run with the folder to fill; a change in any of them asks for a new build. */
  readonly scripts: readonly [string, ...string[]];
  /** The file that a finished build has. */
  readonly whole: string;
  readonly log: (line: string) => void;
}

/** A folder `<prefix>-<kernel version>-<hash of the scripts>` in the cache, built if it is not there. */
export async function cachedBuild(cache: string, { prefix, scripts, whole, log }: CachedBuild): Promise<string> {
  const sources = await Promise.all(scripts.map((script) => readFile(join(SCRIPTS, script))));
  const hash = createHash("sha256").update(Buffer.concat(sources)).digest("hex").slice(0, 12);
  await mkdir(cache, { recursive: true });
  const there = (await readdir(cache)).filter((name) => name.startsWith(`${prefix}-`) && name.endsWith(`-${hash}`));
  const newest = there.sort().at(-1);
  if (newest !== undefined && (await exists(join(cache, newest, whole)))) return join(cache, newest);
  log(`building the guest (${prefix}) from Debian's packages; kept in ${cache}`);
  const scratch = await mkdtemp(join(cache, "new-"));
  try {
    await run("bash", [join(SCRIPTS, scripts[0]), scratch], { maxBuffer: 16 * 1024 * 1024 });
    const version = (await readFile(join(scratch, "kernel-version"), "utf8")).trim();
    const folder = join(cache, `${prefix}-${version}-${hash}`);
    await rm(folder, { recursive: true, force: true });
    await rename(scratch, folder);
    return folder;
  } catch (error) {
    const complaint = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`the guest (${prefix}) could not be built: ${complaint.slice(-2000)}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The modules, and after them busybox and our init: the kernel unpacks one archive after the other. */
async function packInitrd(folder: string): Promise<string> {
  const init = await readFile(join(SCRIPTS, "init.sh"));
  const initrd = join(folder, `initrd-${createHash("sha256").update(init).digest("hex").slice(0, 12)}.zst`);
  if (await exists(initrd)) return initrd;
  const scratch = await mkdtemp(join(folder, "initrd-"));
  try {
    const pack = `
      mkdir -p root/bin root/proc root/sys root/dev
      cp "$(command -v busybox)" root/bin/busybox
      cp "$1" root/init && chmod 755 root/init
      (cd root && find . | cpio -o -H newc --quiet | zstd -q -3) >own.zst
      cat ../modules.cpio.zst own.zst >initrd.zst`;
    await run("bash", ["-euo", "pipefail", "-c", pack, "pack", join(SCRIPTS, "init.sh")], { cwd: scratch });
    await rename(join(scratch, "initrd.zst"), initrd);
    return initrd;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
