import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deleteDataDir, openDataDir } from "./data-dir.js";

let dir: string;
let data: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "badgekey-data-"));
  data = join(dir, "data");
});
afterEach(() => rm(dir, { recursive: true }));

test("a new directory is marked, and found set up only after it was", async () => {
  const first = await openDataDir(data);
  expect(first.isSetUp).toBe(false);
  await first.markSetUp();
  await first.release();
  const second = await openDataDir(data);
  expect(second.isSetUp).toBe(true);
  expect(second.agent("laser-1")).toBe(join(data, "agents", "laser-1"));
});

test("what the demo did not make is neither used nor deleted", async () => {
  await mkdir(data);
  await writeFile(join(data, "thesis.txt"), "ten years of work");
  await expect(openDataDir(data)).rejects.toThrow("holds something that the demo did not make");
  await expect(deleteDataDir(data)).rejects.toThrow("was not made by the demo");
  expect(await readFile(join(data, "thesis.txt"), "utf8")).toBe("ten years of work");
});

test("a directory in use by a living process is refused, also for deletion", async () => {
  await (await openDataDir(data)).release();
  // The parent of this process lives as long as the test.
  await writeFile(join(data, "demo.lock"), String(process.ppid));
  await expect(openDataDir(data)).rejects.toThrow(`a demo already runs on ${data} (process ${process.ppid})`);
  await expect(deleteDataDir(data)).rejects.toThrow("a demo already runs");
});

test("a lock left behind is taken over", async () => {
  await (await openDataDir(data)).release();
  await writeFile(join(data, "demo.lock"), "999999999\n999999998");
  await openDataDir(data);
  expect(await readFile(join(data, "demo.lock"), "utf8")).toBe(String(process.pid));
});

test("fresh deletes a directory of the demo, and an absent one is fine", async () => {
  await (await openDataDir(data)).release();
  await deleteDataDir(data);
  await deleteDataDir(data);
  expect(await readdir(dir)).toEqual([]);
});
