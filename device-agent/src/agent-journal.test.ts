import { type UsageRecord, decodeUsageRecord } from "@badgekey/shared";
import { expect, test } from "vitest";
import { JournalWriter } from "./agent-journal.js";
import { fakeClock } from "./testing/fake-clock.js";
import { fakeJournal } from "./testing/fake-journal.js";

const record = (upMs: number, kind: UsageRecord["kind"] = "sessionStarted"): UsageRecord => ({
  kind,
  at: 1_000,
  clock: "synced",
  machine: "saw",
  upMs,
  ...(kind === "tapRefused" && { code: "BADGE_EXPIRED" }),
});

function bench() {
  const journal = fakeJournal();
  const clock = fakeClock();
  const failures: unknown[] = [];
  let drained = 0;
  const writer = new JournalWriter({
    journal,
    head: journal.head,
    scheduler: clock,
    onFailed: (error) => failures.push(error),
    onDrained: () => (drained += 1),
  });
  const told = () => journal.rows.map(({ body }) => decodeUsageRecord(body));
  return { journal, clock, failures, writer, told, drained: () => drained };
}

test("R18: a commit that reached the disk although it failed is not written a second time", async () => {
  const { journal, clock, writer, told, failures } = bench();
  journal.fail("disk I/O error", "kept");
  const written = writer.write([record(1)]);
  await clock.advance(10);
  expect([told().length, failures.length]).toEqual([1, 1]);
  void writer.write([record(2)]);
  journal.mend();
  await clock.advance(1_000);
  await written;
  await clock.advance(0);
  expect(told().map(({ upMs }) => upMs)).toEqual([1, 2]);
  expect(writer.head.sequence).toBe(2);
});

test("R18: a disk that stays broken is tried ever less often, and everything is there once it is mended", async () => {
  const { journal, clock, writer, told, failures, drained } = bench();
  journal.fail();
  void writer.write([record(1)]);
  await clock.advance(60_000);
  expect(failures.length).toBeGreaterThanOrEqual(9);
  expect(failures.length).toBeLessThanOrEqual(11);
  journal.mend();
  await clock.advance(8_000);
  expect([told().length, drained()]).toEqual([1, 1]);
});

test("R19: with the journal broken a flood of refusals is counted, and nothing else is lost", async () => {
  const { journal, clock, writer, told } = bench();
  journal.fail();
  for (let n = 0; n < 2_100; n++) void writer.write([record(n)]);
  for (let n = 0; n < 500; n++) void writer.write([record(n, "tapRefused")]);
  void writer.write([record(9_999, "sessionEnded")]);
  journal.mend();
  await clock.advance(8_000);
  expect(told()).toHaveLength(2_102);
  expect(told().at(-1)).toMatchObject({ kind: "tapRefused", code: "BADGE_EXPIRED", count: 500 });
});
