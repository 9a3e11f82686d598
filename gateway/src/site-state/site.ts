import { type Instant, type Root, openRoot, signRoot, siteOf } from "@badgekey/shared";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type SiteKeys, createKeys, loadKeys } from "../keys/key-files.js";
import { writeFileDurably } from "../keys/write-file.js";

/** What a site is: its first root, the roots since, and the keys this gateway holds. */
export interface Site {
  /** SHA-256 of root version 1. */
  readonly id: Uint8Array;
  /** Every root from version 1 on, as signed. */
  readonly roots: readonly Uint8Array[];
  readonly root: Root;
  readonly keys: SiteKeys;
}

const TEN_YEARS_MS = 3_653 * 86_400_000;

/**
 * Opens the site in `dataDir`, or founds it: keys in `keys/*.key`, root version 1 (1 of 1) in `root/1.cbor`. Throws
 * KeyFileError, or an Error where the roots do not follow from each other.
 */
export function openSite(dataDir: string, now: Instant): Site {
  const keyDirectory = join(dataDir, "keys");
  const rootDirectory = join(dataDir, "root");
  const first = join(rootDirectory, "1.cbor");
  // Founded only where nothing is: a missing key of a living site is a loss to be told, never to be papered over.
  if (!existsSync(first)) {
    createKeys(keyDirectory);
    mkdirSync(rootDirectory, { recursive: true });
    writeFileDurably(first, signFirstRoot(loadKeys(keyDirectory), now), 0o644);
  }
  const keys = loadKeys(keyDirectory);
  const roots: Uint8Array[] = [];
  let root: Root | undefined;
  for (let version = 1; ; version++) {
    const path = join(rootDirectory, `${version}.cbor`);
    if (!existsSync(path)) break;
    const bytes = new Uint8Array(readFileSync(path));
    const opened = openRoot(bytes, root ?? "self");
    if (!opened.ok) throw new Error(`${path} does not follow from the root before it (${opened.code}): restore it`);
    root = opened.value;
    roots.push(bytes);
  }
  const [firstRoot] = roots;
  if (!root || !firstRoot) throw new Error(`${first} is missing: restore it from your backup`);
  return { id: siteOf(firstRoot), roots, root, keys };
}

function signFirstRoot(keys: SiteKeys, now: Instant): Uint8Array {
  const sole = (key: Uint8Array) => ({ threshold: 1, keys: [key] });
  const root: Root = {
    version: 1,
    issuedAt: now,
    expiresAt: now + TEN_YEARS_MS,
    roles: {
      root: sole(keys.root.publicKey),
      trust: sole(keys.trust.publicKey),
      policy: sole(keys.policy.publicKey),
      online: sole(keys.online.publicKey),
      command: sole(keys.command.publicKey),
    },
  };
  return signRoot(root, [keys.root]);
}
