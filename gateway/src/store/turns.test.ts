import { expect, test } from "vitest";
import { Turns } from "./turns.js";

/** A task that runs until the test ends it. */
function task(log: string[], name: string) {
  let finish = (): void => undefined;
  const ending = new Promise<void>((resolve) => (finish = resolve));
  const run = async () => {
    log.push(`+${name}`);
    await ending;
    log.push(`-${name}`);
  };
  return { run, finish: () => finish() };
}

test("those who share run side by side, who wants to be alone waits for them and keeps later ones out", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const [a, b, alone, c] = ["a", "b", "alone", "c"].map((name) => task(log, name)) as [
    ReturnType<typeof task>,
    ...ReturnType<typeof task>[],
  ];
  if (!b || !alone || !c) throw new Error("four tasks");
  const all = [turns.share(a.run), turns.share(b.run), turns.run(alone.run), turns.share(c.run)];
  a.finish();
  await all[0];
  expect(log).toEqual(["+a", "+b", "-a"]);
  b.finish();
  alone.finish();
  c.finish();
  await Promise.all(all);
  expect(log).toEqual(["+a", "+b", "-a", "-b", "+alone", "-alone", "+c", "-c"]);
});

test("a task that fails gives its turn back", async () => {
  const turns = new Turns();
  await expect(turns.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(turns.share(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await turns.begin();
  const shared = turns.share(() => Promise.resolve("shared"));
  turns.end();
  expect(await shared).toBe("shared");
  expect(await turns.run(() => Promise.resolve("alone"))).toBe("alone");
});
