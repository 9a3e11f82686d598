import { type Signer, fromHex, randomBytes, signerOf, toHex } from "@badgekey/shared";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileDurably } from "./write-file.js";

/**
 * The keys a gateway holds: five roles of the root, the issuer of badges, its status list.
 */
export const keyNames = ["root", "trust", "policy", "online", "command", "issuer", "status"] as const;
export type KeyName = (typeof keyNames)[number];
export type SiteKeys = Readonly<Record<KeyName, Signer>>;

/** A key file is missing, damaged or readable by others. The message names the file and what to do. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

const FORMAT = /^badgekey-key-1 ([a-z]+) ([0-9a-f]{64})\n?$/;

/** Makes every key that is not there yet, each in a file of mode 0600; `directory` gets mode 0700. */
export function createKeys(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  for (const name of keyNames) {
    const path = keyPath(directory, name);
    if (existsSync(path)) continue;
    writeFileDurably(path, `badgekey-key-1 ${name} ${toHex(randomBytes(32))}\n`, 0o600);
  }
}

/** Reads all keys; throws KeyFileError. */
export function loadKeys(directory: string): SiteKeys {
  const loaded = keyNames.map((name) => [name, loadKey(directory, name)] as const);
  return Object.fromEntries(loaded) as Record<KeyName, Signer>;
}

function loadKey(directory: string, name: KeyName): Signer {
  const path = keyPath(directory, name);
  if (!existsSync(path)) {
    throw new KeyFileError(`${path} is missing: restore it from your backup, a new key would not be trusted by anyone`);
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new KeyFileError(`${path} can be read by other users: run chmod 600 ${path}`);
  }
  const found = FORMAT.exec(readFileSync(path, "utf8"));
  // The name stands inside too: two files swapped by hand must not give a key another role.
  if (found?.[1] !== name || !found[2]) {
    throw new KeyFileError(`${path} is no ${name} key of this program: restore it from your backup`);
  }
  return signerOf(fromHex(found[2]));
}

function keyPath(directory: string, name: KeyName): string {
  return join(directory, `${name}.key`);
}
