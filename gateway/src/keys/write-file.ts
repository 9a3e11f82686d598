import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a whole file or none: a power cut leaves the old or the new one. `mode` is exact from the first byte on. */
export function writeFileDurably(path: string, content: string | Uint8Array, mode: number): void {
  const half = `${path}.new`;
  const file = openSync(half, "w", mode);
  try {
    // The mode given to open is narrowed by the process's umask.
    fchmodSync(file, mode);
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(half, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
