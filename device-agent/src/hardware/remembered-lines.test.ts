import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LinesConfig } from "./line.js";
import { recallLines, rememberLines } from "./remembered-lines.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "badgekey-remember-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const lines: LinesConfig = {
  driver: { name: "auto" },
  outputs: { relay: { pin: 17, activeLow: false }, stop: { pin: 6, activeLow: true } },
  lamps: { red: { pin: 20, activeLow: false } },
  inputs: { busy: { pin: 22, activeLow: false } },
};

test("R2: the outputs in use are kept for whoever must let them go; nothing else is", async () => {
  expect(recallLines(folder)).toBeUndefined();
  await rememberLines([folder], lines);
  expect(recallLines(folder)).toEqual({ driver: lines.driver, outputs: lines.outputs, lamps: lines.lamps });
  expect((await stat(join(folder, "lines.json"))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["lines.json"]);
});

test("R2: a folder that does not take it is told, keeps nothing older, and is no loss for the others", async () => {
  const [full, good] = [join(folder, "full"), join(folder, "good")];
  await Promise.all([mkdir(full), mkdir(good)]);
  await rememberLines([full], { ...lines, lamps: {} });
  // In its way.
  await mkdir(join(full, "lines.json.tmp"));
  await expect(rememberLines([full, good], lines)).rejects.toThrow("EISDIR");
  expect([recallLines(full), recallLines(good)?.lamps]).toEqual([undefined, lines.lamps]);
});

test("simulated lines are nobody's to open", async () => {
  await rememberLines([folder], { ...lines, driver: { name: "simulated" } });
  expect(recallLines(folder)).toBeUndefined();
});

test.each([
  "",
  "{",
  "[]",
  '{"driver":{"name":"simulated"},"outputs":{},"lamps":{}}',
  '{"driver":{"name":"sysfs","base":-1},"outputs":{},"lamps":{}}',
  '{"driver":{"name":"auto"},"outputs":{"relay":{"pin":17}},"lamps":{}}',
  '{"driver":{"name":"auto"},"outputs":{},"lamps":{},"inputs":{}}',
  '{"driver":{"name":"auto"},"outputs":{"laser":{"pin":1,"activeLow":false}},"lamps":{}}',
  '{"driver":{"name":"auto"},"outputs":{"relay":{"pin":99,"activeLow":false}},"lamps":{}}',
])("a damaged file is told, never guessed at: %s", async (text) => {
  await writeFile(join(folder, "lines.json"), text);
  expect(() => recallLines(folder)).toThrow();
});
