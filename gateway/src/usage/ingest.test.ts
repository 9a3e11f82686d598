import { describe, expect, test } from "vitest";
import { Ingest } from "./ingest.js";
import type { CommittedBatch, PacketBatch, UsageJournal } from "./ports.js";

const NOTHING: CommittedBatch = { stored: 0, duplicates: 0, heads: [], rows: [], findings: [] };

/** A journal whose commits end when the test says so. */
function fakeJournal() {
  const commits: { batch: PacketBatch; resolve: () => void; reject: (error: Error) => void }[] = [];
  const waiting: (() => void)[] = [];
  const journal: UsageJournal = {
    commit: (batch) =>
      new Promise((resolve, reject) => {
        commits.push({ batch, resolve: () => resolve(NOTHING), reject });
        for (const wake of waiting.splice(0)) wake();
      }),
    head: () => Promise.resolve(undefined),
    settleGap: () => Promise.resolve(undefined),
  };
  const commitNumber = async (index: number) => {
    for (;;) {
      const found = commits[index];
      if (found) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return { journal, commits, commitNumber };
}

function ingestOver(journal: UsageJournal, onCommitted: (batch: CommittedBatch) => void = () => undefined): Ingest {
  return new Ingest({ journal, clock: () => 7, mostRows: () => 0, onCommitted });
}

describe("Ingest", () => {
  test("acknowledges nothing before its commit has ended, and groups what arrives meanwhile", async () => {
    const { journal, commits, commitNumber } = fakeJournal();
    const ingest = ingestOver(journal);
    const settled: number[] = [];
    const take = (index: number, payload: number[]) =>
      ingest.take(`agent-${index}`, Uint8Array.from(payload)).then(() => settled.push(index));
    const first = take(1, [1]);
    const one = await commitNumber(0);
    const others = [take(2, [2, 2]), take(3, [3])];
    expect([settled, commits.length]).toEqual([[], 1]);
    one.resolve();
    await first;
    const two = await commitNumber(1);
    expect(two.batch).toEqual({
      receivedAt: 7,
      agents: ["agent-2", "agent-3"],
      ends: [2, 3],
      bytes: Uint8Array.of(2, 2, 3),
      mostRows: 0,
    });
    expect(settled).toEqual([1]);
    two.resolve();
    await Promise.all(others);
    expect(settled).toEqual([1, 2, 3]);
    await ingest.idle();
  });

  test("a commit that fails is told to each of its packets and to no other", async () => {
    const { journal, commitNumber } = fakeJournal();
    const ingest = ingestOver(journal);
    const bad = [ingest.take("a", Uint8Array.of(1)), ingest.take("b", Uint8Array.of(2))];
    const results = Promise.allSettled(bad);
    (await commitNumber(0)).reject(new Error("disk full"));
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const good = ingest.take("a", Uint8Array.of(1));
    (await commitNumber(1)).resolve();
    await good;
  });

  test("one transaction stays bounded; under load two are on their way, never three", async () => {
    const { journal, commits, commitNumber } = fakeJournal();
    const ingest = ingestOver(journal);
    const many = Promise.all(Array.from({ length: 1_600 }, () => ingest.take("a", Uint8Array.of(1))));
    await commitNumber(1);
    expect(commits.map(({ batch }) => batch.agents.length)).toEqual([500, 500]);
    commits[0]?.resolve();
    const third = await commitNumber(2);
    expect(third.batch.agents).toHaveLength(500);
    commits[1]?.resolve();
    third.resolve();
    const last = await commitNumber(3);
    expect(last.batch.agents).toHaveLength(100);
    last.resolve();
    await many;
    await ingest.idle();
  });
});
