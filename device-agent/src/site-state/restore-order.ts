import { DecodeError, decodeSign1, decodeStrict, objectTypes, toHex } from "@badgekey/shared";

/** What a heartbeat announces, read without checking any signature: good for choosing an order, for nothing else. */
export interface Announcements {
  readonly version: number;
  /** Object name → SHA-256, hex. */
  readonly hashes: ReadonlyMap<string, string>;
}

const VERSION = 2;
const OBJECTS = 10;

/** Undefined where the bytes are no heartbeat, e.g. damaged. */
export function readAnnouncements(bytes: Uint8Array): Announcements | undefined {
  const payload = payloadOf(bytes);
  const version = payload?.get(VERSION);
  const objects = payload?.get(OBJECTS);
  if (typeof version !== "number" || !(objects instanceof Map)) return undefined;
  const hashes = new Map<string, string>();
  for (const [name, announced] of objects as ReadonlyMap<unknown, unknown>) {
    const hash: unknown = Array.isArray(announced) ? announced[1] : undefined;
    if (typeof name === "string" && hash instanceof Uint8Array) hashes.set(name, toHex(hash));
  }
  return { version, hashes };
}

function payloadOf(bytes: Uint8Array): ReadonlyMap<unknown, unknown> | undefined {
  try {
    const { payload } = decodeSign1(bytes);
    const value = payload && decodeStrict(payload, { tags: [], maxBytes: objectTypes.heartbeat.maxBytes });
    return value instanceof Map ? value : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** A heartbeat with the lists that are to be offered while it is the newest. */
export interface Stage<T> {
  /** Undefined for lists that no kept heartbeat announces. */
  readonly heartbeat: T | undefined;
  readonly lists: readonly string[];
}

/**
 * In which order heartbeats and lists bring a trust client back to where it was. A list stays in force after a newer
 * heartbeat announced a version of it that never arrived; offered under that newer one it would be refused as rolled
 * back. So the newest heartbeat that announces a list's very bytes is needed beside the newest two (two, so that one may
 * rot); the others do not appear. Each list is offered at its first chance, because status lists need the trust list before them.
 */
export function stagesOf<T extends Announcements>(
  heartbeats: readonly T[],
  lists: ReadonlyMap<string, string>,
): readonly Stage<T>[] {
  const newestFirst = [...heartbeats].sort((a, b) => b.version - a.version);
  const announces = (heartbeat: T, name: string) => heartbeat.hashes.get(name) === lists.get(name);
  const needed = new Set(newestFirst.slice(0, 2));
  for (const name of lists.keys()) {
    const newest = newestFirst.find((heartbeat) => announces(heartbeat, name));
    if (newest) needed.add(newest);
  }
  const left = new Set([...lists.keys()].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)));
  const stages: Stage<T>[] = newestFirst
    .filter((heartbeat) => needed.has(heartbeat))
    .reverse()
    .map((heartbeat) => {
      const due = [...left].filter((name) => announces(heartbeat, name));
      for (const name of due) left.delete(name);
      return { heartbeat, lists: due };
    });
  return left.size > 0 ? [...stages, { heartbeat: undefined, lists: [...left] }] : stages;
}

/** Trust before policy before what needs the trust list's issuers. */
function rank(name: string): number {
  return name === "trust" ? 0 : name === "policy" ? 1 : 2;
}
