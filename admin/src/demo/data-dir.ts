import { mkdir, readFile, readdir, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The demo cannot start for a reason that a person can mend. */
export class DemoError extends Error {
  override readonly name = "DemoError";

  constructor(
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Where everything of a demo site lies. */
export interface DataDir {
  readonly root: string;
  readonly gateway: string;
  readonly demo: string;
  readonly logs: string;
  agent(id: string): string;
  /** Whether the site was set up to its end in an earlier run. */
  readonly isSetUp: boolean;
  markSetUp(): Promise<void>;
  /** Remembers the processes that work here, so that the next start can end those that outlived this one. */
  notePids(pids: readonly number[]): Promise<void>;
  /** Gives the directory free for the next start. */
  release(): Promise<void>;
}

const MARKER = ".badgekey-demo";
const MARKER_TEXT = "Made by the badgekey demo; `npm start -- --fresh` deletes this directory.\n";
const LOCK = "demo.lock";
const SET_UP = "set-up";

/**
 * Makes or takes over a demo data directory, for this process alone. Throws DemoError when it is in use or not ours.
 */
export async function openDataDir(path: string): Promise<DataDir> {
  const root = resolve(path);
  if (!(await hasMarker(root))) {
    if (!(await isEmptyOrAbsent(root))) {
      throw new DemoError(`${root} holds something that the demo did not make`, "move it away, or give --data DIR");
    }
    await mkdir(root, { recursive: true, mode: 0o700 });
    await writeFile(join(root, MARKER), MARKER_TEXT);
  }
  await lock(root);
  const inside = (name: string) => join(root, name);
  for (const name of ["gateway", "agents", "demo", "logs"]) await mkdir(inside(name), { recursive: true, mode: 0o700 });
  return {
    root,
    gateway: inside("gateway"),
    demo: inside("demo"),
    logs: inside("logs"),
    agent: (id) => join(inside("agents"), id),
    isSetUp: await exists(inside(SET_UP)),
    markSetUp: () => writeFile(inside(SET_UP), ""),
    notePids: (pids) => writeFile(inside(LOCK), [process.pid, ...pids].join("\n")),
    release: () => unlink(inside(LOCK)),
  };
}

/** Deletes a demo's data directory. Refuses whatever does not carry the demo's marker, or is in use. */
export async function deleteDataDir(path: string): Promise<void> {
  const root = resolve(path);
  if (!(await exists(root))) return;
  if (!(await hasMarker(root))) {
    throw new DemoError(`${root} was not made by the demo: it is not deleted`, "delete it yourself if you want to");
  }
  await lock(root);
  await rm(root, { recursive: true });
}

async function lock(root: string): Promise<void> {
  const path = join(root, LOCK);
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const [pid = 0, ...children] = (await readFile(path, "utf8").catch(() => "")).split("\n").map(Number);
    if (isAlive(pid)) {
      throw new DemoError(
        `a demo already runs on ${root} (process ${pid})`,
        "use its page, stop it with Ctrl-C, or give this one --data DIR and --port N",
      );
    }
    // Left behind by a demo that could not clean up, e.g. in a power cut.
    for (const child of children) await endLeftover(child);
    await rm(path, { force: true });
  }
}

/** A gateway or agent that outlived its demo would write to the same database as the new one. */
async function endLeftover(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  // The number may be another program's by now.
  if (!/badgekey-(?:gateway|agent)\.mjs/.test(command)) return;
  process.kill(pid, "SIGKILL");
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

async function hasMarker(root: string): Promise<boolean> {
  return (await readFile(join(root, MARKER), "utf8").catch(() => "")) === MARKER_TEXT;
}

async function isEmptyOrAbsent(root: string): Promise<boolean> {
  try {
    return (await readdir(root)).length === 0;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
