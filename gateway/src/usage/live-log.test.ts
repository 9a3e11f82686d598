import { describe, expect, test } from "vitest";
import { LiveLog } from "./live-log.js";
import type { LogEntry } from "./log.js";
import type { NewRow } from "./ports.js";

function row(sequence: number, holder?: string): NewRow {
  const record = {
    kind: "sessionEnded",
    at: 1,
    clock: "synced",
    machine: "m",
    upMs: 1,
    ...(holder && { holder }),
  } as const;
  return { agent: "laser-1", boot: 1, sequence, record };
}

function liveLog(nameOf: (pseudonym: string) => Promise<string | null>) {
  const shown: LogEntry[] = [];
  const watched = { now: true };
  const log = new LiveLog({ isWatched: () => watched.now, announce: (entry) => shown.push(entry), nameOf });
  return { log, shown, watched };
}

describe("LiveLog", () => {
  test("shows records in their order with the person's name, looked up once", async () => {
    const asked: string[] = [];
    const { log, shown } = liveLog((pseudonym) => {
      asked.push(pseudonym);
      return Promise.resolve(pseudonym === "aaaa1111" ? "Ada" : null);
    });
    await log.show([row(1), row(2, "aaaa1111")], 5);
    await log.show([row(3, "aaaa1111"), row(4, "bbbb2222")], 6);
    await log.show([row(5, "bbbb2222")], 7);
    expect(shown.map(({ sequence, personName }) => [sequence, personName])).toEqual([
      [1, null],
      [2, "Ada"],
      [3, "Ada"],
      [4, null],
      [5, null],
    ]);
    expect(asked).toEqual(["aaaa1111", "bbbb2222"]);
  });

  test("keeps a bounded number of rows while names are slow, and none while nobody watches", async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const { log, shown, watched } = liveLog(() => slow.then(() => "Ada"));
    const all: Promise<void>[] = [];
    for (let sequence = 1; sequence <= 1_000; sequence++) all.push(log.show([row(sequence, "aaaa1111")], 1));
    expect(log.room).toBe(0);
    release();
    await Promise.all(all);
    expect(shown.length).toBeLessThanOrEqual(257);
    expect(log.room).toBe(256);
    watched.now = false;
    expect(log.room).toBe(0);
    await log.show([row(2_000)], 1);
    expect(shown.at(-1)?.sequence).not.toBe(2_000);
  });

  test("a failed look-up is told, and the next rows are shown again", async () => {
    let fails = true;
    const { log, shown } = liveLog(() => (fails ? Promise.reject(new Error("busy")) : Promise.resolve("Ada")));
    await expect(log.show([row(1, "aaaa1111")], 1)).rejects.toThrow("busy");
    fails = false;
    await log.show([row(2, "aaaa1111")], 1);
    expect(shown.map(({ sequence }) => sequence)).toEqual([2]);
  });
});
