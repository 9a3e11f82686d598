import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainAfter, chainStart, rowCommitment } from "@badgekey/shared";
import { expect, test } from "vitest";
import { openJournal } from "../journal/journal.js";
import type { OpenedJournal } from "../ports.js";
import { fakeJournal } from "./fake-journal.js";

const site = new Uint8Array(32).fill(3);
const body = (n: number): Uint8Array => new Uint8Array([n, n]);

/** What a caller sees of a journal through two boots; salts and chains differ, so only their relations are kept. */
async function story(first: OpenedJournal, restart: () => Promise<OpenedJournal>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const { journal } = first;
  const one = await journal.append([body(1), body(2)], new Map([["a", body(9)], ["b", body(8)]])); // prettier-ignore
  await journal.append([], new Map([["b", null]]));
  seen.push(first.head, one.boot, one.sequence, await journal.pendingCount());
  await journal.close();
  seen.push(await journal.append([]).catch((error: unknown) => String(error).replace(/^\w+: /, "")));
  const second = await restart();
  seen.push(second.head.boot, second.head.sequence, second.marks);
  const two = await second.journal.append([body(3)]);
  const rows = await second.journal.rowsAfter(undefined, 10);
  seen.push(rows.map(({ boot, sequence, body }) => [boot, sequence, body, rows.length]));
  let chain = chainStart(site, "a");
  const chains = rows.map((row) => {
    expect(row.previous).toEqual(chain);
    return (chain = chainAfter(row, rowCommitment(row)));
  });
  expect(chain).toEqual(two.chain);
  for (const at of [
    { boot: 1, sequence: 3 },
    { boot: 1, sequence: 1 },
    { boot: 1, sequence: 1 },
    { boot: 1, sequence: 0 },
    { boot: 2, sequence: 1 },
  ]) {
    const right = chains[rows.findIndex((row) => row.boot === at.boot && row.sequence === at.sequence)] ?? chain;
    seen.push(await second.journal.acknowledge(at, new Uint8Array(32)), await second.journal.acknowledge(at, right));
    seen.push(
      (await second.journal.rowsAfter({ boot: 1, sequence: 1 }, 1)).length,
      await second.journal.pendingCount(),
    );
  }
  await second.journal.close();
  return seen;
}

test("the fake tells the same story as the real journal", async () => {
  const folder = await mkdtemp(join(tmpdir(), "badgekey-fake-"));
  try {
    const options = { path: join(folder, "journal.db"), site, agent: "a", bootFloor: 0 };
    const real = await story(await openJournal(options), () => openJournal(options));
    const fake = fakeJournal({ site, agent: "a" });
    expect(await story(fake.opened(), () => Promise.resolve(fake.restart()))).toEqual(real);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("what was asked while stalled is done at resume, in order", async () => {
  const journal = fakeJournal();
  journal.stall();
  const late = journal.append([body(1)]);
  const later = journal.append([body(2)]);
  expect(journal.rows).toHaveLength(0);
  journal.resume();
  expect([(await late).sequence, (await later).sequence]).toEqual([1, 2]);
});

test("a broken disk rejects what waits and what comes, until it is mended", async () => {
  const journal = fakeJournal();
  journal.stall();
  const waiting = journal.append([body(1)]);
  journal.fail();
  await expect(waiting).rejects.toThrow("disk I/O error");
  await expect(journal.append([body(2)])).rejects.toThrow("disk I/O error");
  journal.mend();
  expect((await journal.append([body(3)])).sequence).toBe(1);
});
