import { copyFileSync, chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSite } from "./site.js";

const NOW = Date.parse("2027-01-15T12:00:00Z");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "badgekey-site-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const key = (name: string) => join(directory, "keys", `${name}.key`);

describe("openSite", () => {
  test("founds a site once: the same id, root and keys ever after", () => {
    const founded = openSite(directory, NOW);
    const again = openSite(directory, NOW + 9_000_000);
    expect(again.id).toEqual(founded.id);
    expect(again.roots).toEqual(founded.roots);
    expect(again.keys.issuer.publicKey).toEqual(founded.keys.issuer.publicKey);
    expect(founded.root).toMatchObject({ version: 1, issuedAt: NOW });
  });

  test("no key stands in two places, and every key file is for its owner alone", () => {
    const { keys } = openSite(directory, NOW);
    const publicKeys = Object.values(keys).map(({ publicKey }) => Buffer.from(publicKey).toString("hex"));
    expect(new Set(publicKeys).size).toBe(7);
    for (const file of readdirSync(join(directory, "keys"))) {
      expect(statSync(join(directory, "keys", file)).mode & 0o777, file).toBe(0o600);
    }
    expect(statSync(join(directory, "keys")).mode & 0o777).toBe(0o700);
  });

  test("a lost key is told, never replaced behind the operator's back", () => {
    openSite(directory, NOW);
    rmSync(key("policy"));
    expect(() => openSite(directory, NOW)).toThrow(/policy\.key is missing: restore it/);
  });

  test("a key that others can read, a damaged one and two swapped ones are refused", () => {
    openSite(directory, NOW);
    chmodSync(key("trust"), 0o644);
    expect(() => openSite(directory, NOW)).toThrow(/chmod 600/);
    chmodSync(key("trust"), 0o600);
    copyFileSync(key("online"), key("trust"));
    expect(() => openSite(directory, NOW)).toThrow(/trust\.key is no trust key/);
    writeFileSync(key("trust"), "badgekey-key-1 trust abcd");
    expect(() => openSite(directory, NOW)).toThrow(/trust\.key is no trust key/);
  });

  test("a root that does not follow from the one before it is refused", () => {
    openSite(directory, NOW);
    const other = mkdtempSync(join(tmpdir(), "badgekey-site-"));
    openSite(other, NOW);
    copyFileSync(join(other, "root", "1.cbor"), join(directory, "root", "2.cbor"));
    rmSync(other, { recursive: true });
    expect(() => openSite(directory, NOW)).toThrow(/2\.cbor does not follow .*THRESHOLD_NOT_MET/);
  });
});
