import { readFile, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type SiteState, TrustClient, fromHex, siteOf } from "@badgekey/shared";
import { siteStateView } from "../api/index.js";
import { RefusedError } from "./io.js";

/** Signed objects under their names, root/1 among them. */
export type NamedObjects = readonly { readonly name: string; readonly bytes: Uint8Array }[];

const OBJECT_FILE = /^(?:root\/\d{1,9}|heartbeat|trust|policy|status\/[0-9a-f]{8}|directory\/[0-9a-f]{8}\/\d{1,4})$/;
const HINT = "give an agent's site-state directory, or a file made with: badgekey status --site-state";

/** Reads a site-state directory (one file an object) or a JSON file of {objects: [{name, bytes}]}. Throws RefusedError. */
export async function readSiteStateFiles(path: string): Promise<NamedObjects> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new RefusedError(`${path} cannot be read`, { hint: HINT, code: "NOT_FOUND", cause });
  });
  if (found.isDirectory()) return readDirectory(path);
  const parsed = siteStateView.safeParse(jsonOf(await readFile(path, "utf8")));
  if (!parsed.success) throw new RefusedError(`${path} is no site state`, { hint: HINT, code: "REQUEST_INVALID" });
  return parsed.data.objects.map(({ name, bytes }) => ({ name, bytes: hexOf(bytes, name) }));
}

export function objectsOf(view: { objects: readonly { name: string; bytes: string }[] }): NamedObjects {
  return view.objects.map(({ name, bytes }) => ({ name, bytes: hexOf(bytes, name) }));
}

/** Believes the objects as an agent would, from root version 1 on. Throws RefusedError where any of them is refused. */
export function openSiteState(objects: NamedObjects): SiteState {
  const first = objects.find(({ name }) => name === "root/1");
  if (!first) throw new RefusedError("the site state holds no root version 1", { hint: HINT, code: "NOT_FOUND" });
  const started = TrustClient.start(first.bytes, { site: siteOf(first.bytes), agent: "verify", monotonicMs: 0 });
  if (!started.ok)
    throw new RefusedError(`root version 1 is refused: ${started.detail ?? ""}`, { hint: HINT, code: started.code });
  const rest = objects.filter(({ name }) => name !== "root/1").sort((a, b) => rank(a.name) - rank(b.name));
  const offers = started.value.restore(rest, 0);
  for (const [index, { outcome, detail }] of offers.entries()) {
    if (outcome === "accepted" || outcome === "repeated") continue;
    // An object that the heartbeat no longer announces, or not yet, takes no part; anything else is damage or forgery.
    if (outcome === "LIST_NOT_ANNOUNCED" || outcome === "waiting") continue;
    throw new RefusedError(`${rest[index]?.name ?? "an object"} is refused: ${detail ?? outcome}`, {
      hint: HINT,
      code: outcome,
    });
  }
  return started.value.state;
}

function rank(name: string): number {
  if (name.startsWith("root/")) return Number(name.slice(5)) - 1e9;
  return ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
}

async function readDirectory(root: string): Promise<NamedObjects> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const objects: { name: string; bytes: Uint8Array }[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path)
      .split(sep)
      .join("/")
      .replace(/\.cbor$/, "");
    if (entry.isFile() && OBJECT_FILE.test(name)) objects.push({ name, bytes: await readFile(path) });
  }
  return objects;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
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
