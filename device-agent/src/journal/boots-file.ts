import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { syncDirectory } from "./journal-file.js";

const FORM = /^badgekey-boot 1 ([1-9][0-9]{0,9}) ([0-9a-f]{64})\n$/;

/** The newest boot number as kept beside the enrolment; undefined where none is, or it is damaged. */
export function readBoots(path: string): number | undefined {
  let text;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [, boot, hash] = FORM.exec(text) ?? [];
  return boot !== undefined && digest(`badgekey-boot 1 ${boot} `) === hash ? Number(boot) : undefined;
}

/** Replaces the number whole; durable when it returns, before the first row of that boot can be. */
export function writeBoots(path: string, boot: number): void {
  const head = `badgekey-boot 1 ${boot} `;
  const file = openSync(`${path}.tmp`, "w", 0o600);
  try {
    writeSync(file, `${head}${digest(head)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.tmp`, path);
  syncDirectory(path);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
