import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type SiteState, TrustClient, fromHex, siteOf, siteStateView } from "@badgekey/shared";
import { z } from "zod";
import { RefusedError } from "./io.js";

/** Signed objects under their names, root/1 among them. */
export type NamedObjects = readonly { readonly name: string; readonly bytes: Uint8Array }[];

const HINT = "give a machine controller's data directory, or a file made with: badgekey status --site-state FILE";
const MOST_FILE_BYTES = 64 * 1024 * 1024;
const OBJECT = /^(?:root-\d{1,9}|heartbeat|trust|policy|status-[0-9a-f]{8}|directory-[0-9a-f]{8}-\d{1,4})\.cose$/;
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
  const later = objects.filter(({ name }) => name !== "root/1").sort((a, b) => rank(a.name) - rank(b.name));
  client.restore(later, 0).forEach(({ outcome, detail }, index) => {
    if (outcome === "accepted" || outcome === "repeated") return;
    const { name } = later[index] as NamedObjects[number];
    throw new RefusedError(`${name} is refused: ${detail ?? outcome}`, { hint: HINT, code: outcome });
  });
  if (!client.state.trust) {
    throw new RefusedError("the site state holds no trust list: every badge would look foreign", {
      hint: HINT,
      code: "NOT_FOUND",
    });
  }
  return client.state;
}

/** The order in which a client takes them: roots ascending, then what later ones are judged by. */
function rank(name: string): number {
  if (name.startsWith("root/")) return Number(name.slice(5)) - 1e9;
  return ["heartbeat", "trust", "policy"].indexOf(name) + 1 || 9;
}

async function readDirectory(path: string): Promise<NamedObjects> {
  const inner = join(path, "site-state");
  const folder = await stat(inner).then(
    () => inner,
    () => path,
  );
  const objects = [...(await readRoots(join(dirname(folder), "enrolment", "enrolment.json")))];
  const files = await readdir(folder);
  for (const file of files.filter((one) => OBJECT.test(one))) {
    objects.push({ name: basename(file, ".cose").replaceAll("-", "/"), bytes: await readFile(join(folder, file)) });
  }
  return objects;
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
