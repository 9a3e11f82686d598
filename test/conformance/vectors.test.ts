import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { badgeCodes, decodeCodes, tapCodes, toHex, trustCodes } from "@badgekey/shared";
import { describe, expect, test } from "vitest";
import { judge } from "./judge.js";
import { SITE, type VectorCase, vectorCases } from "./vector-cases.js";

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../shared/vectors");

/** BADGEKEY_WRITE_VECTORS=1 writes the files anew; formats only grow, so an existing file must come out the same. */
if (process.env.BADGEKEY_WRITE_VECTORS === "1") {
  for (const [name, one] of vectorCases()) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(one, null, 2)}\n`);
  }
  const site = {
    title: "The site by which badge and trust vectors are judged: start from the root, offer the objects in this order",
    site: toHex(SITE.site),
    root: toHex(SITE.rootBytes),
    objects: [
      { name: "heartbeat", bytes: toHex(SITE.heartbeat(SITE.first)) },
      ...Object.entries(SITE.first).map(([name, { bytes }]) => ({ name, bytes: toHex(bytes) })),
    ],
  };
  writeFileSync(path.join(folder, "site.json"), `${JSON.stringify(site, null, 2)}\n`);
}

describe("published vectors", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(?!published)[^/]+\/.*\.json$/.test(name),
  );

  test("every case of the generator is published, and nothing else", () => {
    expect(files.sort()).toEqual([...vectorCases().keys()].sort());
  });

  test.each(files)("%s", (name) => {
    const one = JSON.parse(readFileSync(path.join(folder, name), "utf8")) as VectorCase;
    // Formats only grow: what was published stays what the generator makes.
    expect(one).toEqual(vectorCases().get(name));
    expect(`${one.title}: ${judge(one)}`).toBe(`${one.title}: ${one.expect}`);
  });

  test("every decoding, badge, tap and trust code that one case can cause has one", () => {
    const covered = new Set([...vectorCases().values()].map((one) => one.expect));
    const needState = [
      "STATUS_INDEX_OUT_OF_RANGE",
      "STATUS_LIST_TOO_LARGE",
      "NDEF_TOO_LARGE",
      "TYPE2_MALFORMED",
      "TYPE4_MALFORMED",
      "COMMAND_REPLAYED",
      "COMMAND_REFUSED",
      // These come from the reader's dialogue or from the interlock, not from checkTap.
      "CARD_UNREADABLE",
      "CARD_UNSUPPORTED",
      "CARD_NOT_ALONE",
      "MACHINE_IN_USE",
    ];
    const all = [decodeCodes, badgeCodes, tapCodes, trustCodes].flatMap((codes) => Object.keys(codes));
    expect(all.filter((code) => !covered.has(code) && !needState.includes(code))).toEqual([]);
  });
});
