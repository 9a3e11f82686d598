import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type SiteState, TrustClient, fromHex, siteOf, siteStateView } from "@badgekey/shared";
import { z } from "zod";
import { RefusedError } from "./io.js";

/** Signed objects under their names, root/1 among them; heartbeats from the oldest to the newest. */
export type NamedObjects = readonly { readonly name: string; readonly bytes: Uint8Array }[];

const HINT = "give a machine controller's data directory, or a file made with: badgekey status --site-state FILE";
const MOST_FILE_BYTES = 64 * 1024 * 1024;
const HEARTBEAT = /^heartbeat-(\d{1,10})\.cose$/;
const LIST = /^(?:root-\d{1,9}|trust|policy|status-[0-9a-f]{8}|directory-[0-9a-f]{8}-\d{1,4})\.cose$/;
/** The part of an agent's enrolment that says whom it trusts. */
const enrolled = z.object({ roots: z.array(z.string()).min(1) });

/** Reads an agent's data or site-state directory, or a JSON file of {objects: [{name, bytes}]}. Throws RefusedError. */
export async function readSiteStateFiles(path: string): Promise<NamedObjects> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new RefusedError(`${path} cannot be read`, { hint: HINT, code: "NOT_FOUND", cause });
  });
  if (found.isDirectory()) return readDirectory(path);
  const parsed = siteStateView.safeParse(await readJson(path, found.size));
  if (!parsed.success) {
    throw new RefusedError(`${path} is no site state`, { hint: HINT, code: "REQUEST_INVALID" });
  }
  return objectsOf(parsed.data);
}

export function objectsOf(view: { objects: readonly { name: string; bytes: string }[] }): NamedObjects {
  return view.objects.map(({ name, bytes }) => ({ name, bytes: hexOf(bytes, name) }));
}

/** Believes the objects as an agent would, from root version 1 on. Throws RefusedError where any of them is refused. */
export function openSiteState(objects: NamedObjects): SiteState {
  const first = objects.find(({ name }) => name === "root/1");
  if (!first) throw new RefusedError("the site state holds no root version 1", { hint: HINT, code: "NOT_FOUND" });
  const started = TrustClient.start(first.bytes, { site: siteOf(first.bytes), agent: "verify", monotonicMs: 0 });
  if (!started.ok) {
    throw new RefusedError(`root version 1 is refused: ${started.detail ?? ""}`, { hint: HINT, code: started.code });
  }
  const client = started.value;
  const roots = objects.filter(({ name }) => name.startsWith("root/") && name !== "root/1");
  for (const root of roots.sort((a, b) => Number(a.name.slice(5)) - Number(b.name.slice(5)))) accept(client, root);
  const heartbeats = objects.filter(({ name }) => name === "heartbeat");
  let left = objects.filter(({ name }) => name !== "heartbeat" && !name.startsWith("root/")).sort(byRank);
  for (const heartbeat of heartbeats) {
    accept(client, heartbeat);
    // A list stays in force after a newer heartbeat announced one that never arrived: it counts under its own.
    left = left.filter((list) => !accept(client, list));
  }
  if (!client.state.trust) {
    throw new RefusedError("the site state holds no trust list: every badge would look foreign", {
      hint: HINT,
      code: "NOT_FOUND",
    });
  }
  return client.state;
}

/** Whether the client took the object now. Throws RefusedError for what is damaged or forged. */
function accept(client: TrustClient, { name, bytes }: NamedObjects[number]): boolean {
  const [offer] = client.restore([{ name, bytes }], 0);
  const outcome = offer?.outcome ?? "waiting";
  if (outcome === "accepted" || outcome === "repeated") return true;
  if (outcome === "waiting" || outcome === "LIST_NOT_ANNOUNCED" || outcome === "LIST_ROLLED_BACK") return false;
  throw new RefusedError(`${name} is refused: ${offer?.detail ?? outcome}`, { hint: HINT, code: outcome });
}

function byRank(a: { name: string }, b: { name: string }): number {
  const rank = (name: string) => ["trust", "policy"].indexOf(name) + 1 || 9;
  return rank(a.name) - rank(b.name);
}

async function readDirectory(path: string): Promise<NamedObjects> {
  const inner = join(path, "site-state");
  const folder = await stat(inner).then(
    () => inner,
    () => path,
  );
  const objects = [...(await readRoots(join(dirname(folder), "enrolment", "enrolment.json")))];
  const files = await readdir(folder);
  const heartbeats = files.filter((file) => HEARTBEAT.test(file)).sort((a, b) => versionOf(a) - versionOf(b));
  for (const file of heartbeats) objects.push({ name: "heartbeat", bytes: await readFile(join(folder, file)) });
  for (const file of files.filter((one) => LIST.test(one))) {
    objects.push({ name: basename(file, ".cose").replaceAll("-", "/"), bytes: await readFile(join(folder, file)) });
  }
  return objects;
}

function versionOf(file: string): number {
  return Number(HEARTBEAT.exec(file)?.[1]);
}

async function readRoots(path: string): Promise<NamedObjects> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new RefusedError(`${path} cannot be read: it says whom the machine controller trusts`, {
      hint: HINT,
      code: "NOT_FOUND",
      cause,
    });
  });
  const parsed = enrolled.safeParse(await readJson(path, found.size));
  if (!parsed.success) throw new RefusedError(`${path} is no enrolment`, { hint: HINT, code: "REQUEST_INVALID" });
  return parsed.data.roots.map((hex, index) => ({ name: `root/${index + 1}`, bytes: hexOf(hex, `root ${index + 1}`) }));
}

async function readJson(path: string, size: number): Promise<unknown> {
  if (size > MOST_FILE_BYTES) {
    throw new RefusedError(`${path} is too large`, { hint: HINT, code: "REQUEST_INVALID" });
  }
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function hexOf(text: string, name: string): Uint8Array {
  try {
    return fromHex(text);
  } catch (cause) {
    throw new RefusedError(`${name} is not hexadecimal`, { hint: HINT, code: "REQUEST_INVALID", cause });
  }
}
