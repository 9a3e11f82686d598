import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files that hold tests: beside the sources, in test/, and the cases that run in a virtual machine. */
function testFiles(): readonly string[] {
  return ["shared/src", "device-agent/src", "gateway/src", "admin/src", "test"].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => !/\/(dist|node_modules)\//.test(file))
      .filter((file) => /\.test\.ts$/.test(file) || /\/test\/(gpio|storage)\/.*\.(ts|mjs)$/.test(file)),
  );
}

/** "R8" and "R5" out of titles such as `"R5, R8: …"`. */
function rulesIn(source: string): readonly string[] {
  const titles = source.matchAll(/["'`](R\d+(?:, R\d+)*):? /g);
  return [...titles].flatMap(([, rules = ""]) => rules.split(", "));
}

test("every safety rule has a test that is named by its number", () => {
  const rules = [...readFileSync(path.join(root, "SAFETY.md"), "utf8").matchAll(/^- (R\d+) /gm)].map(
    ([, rule]) => rule,
  );
  expect(rules).toEqual(Array.from({ length: 22 }, (_, index) => `R${index + 1}`));
  const named = new Set(testFiles().flatMap((file) => rulesIn(readFileSync(file, "utf8"))));
  expect(rules.filter((rule) => rule !== undefined && !named.has(rule))).toEqual([]);
});
