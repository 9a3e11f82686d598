import {
  type UsageRow,
  chainAfter,
  chainStart,
  encodeUsagePacket,
  encodeUsageRecord,
  rowCommitment,
} from "@badgekey/shared";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import type { UsageJournal } from "./ports.js";
import { verifyLog } from "./verify-log.js";

const SITE = new Uint8Array(32).fill(5);
const AGENT = "laser-1";

let stores: TestStores;
let journal: UsageJournal;

beforeEach(async () => {
  stores = await openTestStores();
  journal = await stores.database.openUsageJournal(SITE);
});

/** A journal as an agent writes it: `lengths[i]` rows in boot i + 1, chained. */
function rowsOf(...lengths: readonly number[]): UsageRow[] {
  const rows: UsageRow[] = [];
  let previous = chainStart(SITE, AGENT);
  lengths.forEach((length, index) => {
    for (let sequence = 1; sequence <= length; sequence++) {
      const row = {
        boot: index + 1,
        sequence,
        previous,
        salt: new Uint8Array(16).fill(sequence),
        body: body(sequence),
      };
      rows.push(row);
      previous = headOf(row);
    }
  });
  return rows;
}

function body(at: number, kind: "sessionEnded" | "gap" = "sessionEnded"): Uint8Array {
  return encodeUsageRecord({ kind, at, clock: "synced", machine: AGENT, upMs: at });
}

const headOf = (row: UsageRow): Uint8Array => chainAfter(row, rowCommitment(row));

function commit(...packets: readonly (readonly UsageRow[] | Uint8Array)[]) {
  const encoded = packets.map((packet) => (packet instanceof Uint8Array ? packet : encodeUsagePacket(packet)));
  let end = 0;
  const ends = encoded.map((bytes) => (end += bytes.length));
  const bytes = new Uint8Array(Buffer.concat(encoded));
  return journal.commit({ receivedAt: 9, agents: encoded.map(() => AGENT), ends, bytes, mostRows: 0 });
}

const problems = async () => (await verifyLog(stores.log, SITE, [])).problems;
const findings = () => stores.machines.findings(100);

describe("ingest of usage rows", () => {
  test("links rows to the chain and moves the head", async () => {
    const rows = rowsOf(3, 2);
    const { stored, heads } = await commit(rows.slice(0, 2), rows.slice(2));
    expect(stored).toBe(5);
    const last = rows.at(-1) as UsageRow;
    expect(heads).toEqual([{ agent: AGENT, boot: 2, sequence: 2, chain: headOf(last), pending: 0 }]);
    expect(await problems()).toEqual([]);
  });

  test("the same rows again are duplicates: acknowledged, stored once", async () => {
    const rows = rowsOf(4);
    await commit(rows);
    const again = await commit(rows, [rows[1] as UsageRow]);
    expect(again).toMatchObject({ stored: 0, duplicates: 5, findings: [] });
    expect(again.heads).toMatchObject([{ sequence: 4 }]);
    expect(await stores.log.countRows()).toBe(4);
  });

  test("rows in any order end in the same chain, none pending, none twice", async () => {
    const rows = rowsOf(6, 3);
    const orders = fc.shuffledSubarray([...rows, ...rows.slice(0, 3)], { minLength: rows.length + 3 });
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        stores = await openTestStores();
        journal = await stores.database.openUsageJournal(SITE);
        let head;
        for (const row of order) head = (await commit([row])).heads[0] ?? head;
        expect(head).toMatchObject({ boot: 2, sequence: 3, chain: headOf(rows.at(-1) as UsageRow), pending: 0 });
        expect(await problems()).toEqual([]);
        expect(await findings()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test("a gap keeps what came behind it, the head stays before it, and verify names the place", async () => {
    const rows = rowsOf(6);
    const { heads } = await commit(rows.slice(0, 2), rows.slice(4));
    expect(heads).toMatchObject([{ sequence: 2, pending: 2 }]);
    expect(await problems()).toMatchObject([{ kind: "gap", boot: 1, sequence: 5 }]);
    const filled = await commit(rows.slice(2, 4));
    expect(filled.heads).toMatchObject([{ sequence: 6, pending: 0 }]);
    expect(await problems()).toEqual([]);
  });

  test("pending rows survive a restart of the gateway", async () => {
    const rows = rowsOf(5);
    await commit(rows.slice(3));
    journal = await stores.database.openUsageJournal(SITE);
    expect(await journal.head(AGENT)).toMatchObject({ boot: 0, pending: 2 });
    expect((await commit(rows.slice(0, 3))).heads).toMatchObject([{ sequence: 5, pending: 0 }]);
  });

  test("a gap that the agent itself declares is passed, and stays in the log", async () => {
    const rows = rowsOf(4);
    const unknown = new Uint8Array(32).fill(9);
    const declared: UsageRow = {
      boot: 2,
      sequence: 1,
      previous: unknown,
      salt: new Uint8Array(16),
      body: body(9, "gap"),
    };
    const next: UsageRow = { ...declared, sequence: 2, previous: headOf(declared), body: body(10) };
    await commit(rows);
    const { heads } = await commit([declared, next]);
    expect(heads).toMatchObject([{ boot: 2, sequence: 2, pending: 0, chain: headOf(next) }]);
    expect(await problems()).toMatchObject([{ kind: "gap", boot: 2, sequence: 1 }]);
  });

  test("a hole is given up once the agent's signed report shows that nothing can fill it", async () => {
    const rows = rowsOf(8);
    await commit(rows.slice(0, 2), rows.slice(5));
    const last = rows.at(-1) as UsageRow;
    const report = { boot: 1, sequence: 8, chain: headOf(last) };
    // Five rows wait at the agent: it holds some that we lack.
    expect(await journal.settleGap(AGENT, { ...report, pending: 5 }, 10)).toBeUndefined();
    expect(await journal.settleGap(AGENT, { ...report, chain: new Uint8Array(32), pending: 3 }, 10)).toBeUndefined();
    expect(await journal.settleGap(AGENT, { ...report, pending: 3 }, 10)).toMatchObject({ sequence: 8, pending: 0 });
    expect(await problems()).toMatchObject([{ kind: "gap", sequence: 6 }]);
  });

  test("the same position with other bytes is a fork: the first stays, the second is evidence", async () => {
    const rows = rowsOf(3);
    await commit(rows);
    const forged = { ...(rows[1] as UsageRow), body: body(777) };
    const outcome = await commit([forged]);
    expect(outcome).toMatchObject({ stored: 0, findings: [{ agent: AGENT, code: "USAGE_FORKED" }] });
    expect(await findings()).toMatchObject([{ code: "USAGE_FORKED", agent: AGENT }]);
    expect(await problems()).toMatchObject([{ kind: "fork", boot: 1, sequence: 2 }]);
  });

  test("a row altered in the database is found by its chain", async () => {
    await commit(rowsOf(3));
    const altered = { body: body(1_000) };
    await stores.database.sql.updateTable("usage").set(altered).where("sequence", "=", 2).execute();
    expect(await problems()).toMatchObject([{ kind: "altered", sequence: 2 }]);
  });

  test("a forged chain, hashes and all, differs from what the agent signed", async () => {
    const rows = rowsOf(3);
    await commit(rows);
    const signed = { agent: AGENT, boot: 1, sequence: 3, chain: headOf(rows[2] as UsageRow) };
    let previous = headOf(rows[0] as UsageRow);
    for (const row of rows.slice(1)) {
      const forged = { ...row, previous, body: body(5_000 + row.sequence) };
      const change = { previous, body: forged.body, chain: headOf(forged) };
      await stores.database.sql.updateTable("usage").set(change).where("sequence", "=", row.sequence).execute();
      previous = headOf(forged);
    }
    expect(await problems()).toEqual([]);
    expect((await verifyLog(stores.log, SITE, [signed])).problems).toMatchObject([{ kind: "altered", sequence: 3 }]);
  });

  test("what cannot be decoded is kept as evidence, and the rest of the batch is committed", async () => {
    const rows = rowsOf(2);
    const unreadable: UsageRow = { ...(rows[1] as UsageRow), body: Uint8Array.of(0xff, 0x00) };
    const outcome = await commit(Uint8Array.of(0xff), [rows[0] as UsageRow], new Uint8Array(0), [unreadable]);
    expect(outcome).toMatchObject({ stored: 2 });
    expect(outcome.findings.map(({ code }) => code).sort()).toEqual([
      "CBOR_INDEFINITE",
      "CBOR_TRUNCATED",
      "USAGE_MALFORMED",
    ]);
    expect(outcome.heads).toMatchObject([{ sequence: 2 }]);
    expect(await problems()).toMatchObject([{ kind: "malformed", sequence: 2 }]);
  });

  test("evidence of one agent is bounded", async () => {
    for (let round = 0; round < 25; round++) await commit(...Array.from({ length: 10 }, () => Uint8Array.of(0xff)));
    const { count } = await stores.database.sql
      .selectFrom("security_events")
      .select((events) => events.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    expect(count).toBe(200);
  });

  test("a commit that fails leaves nothing, and the same rows can come again", async () => {
    const rows = rowsOf(3);
    await commit(rows.slice(0, 1));
    const { sql } = stores.database;
    await sql.schema.alterTable("usage_heads").renameTo("hidden").execute();
    await expect(commit(rows.slice(1))).rejects.toThrow(/usage_heads/);
    await sql.schema.alterTable("hidden").renameTo("usage_heads").execute();
    expect((await commit(rows.slice(1))).heads).toMatchObject([{ sequence: 3, pending: 0 }]);
    expect(await stores.log.countRows()).toBe(3);
  });
});
