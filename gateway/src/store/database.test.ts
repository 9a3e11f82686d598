import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompiledQuery } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "./database.js";
import { openLocalChannel, openThreadChannel } from "./store-channel.js";
import { openTestStores } from "./store-fixture.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "badgekey-store-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("database", () => {
  test("migrates an empty file once, and finds everything again", async () => {
    const path = join(directory, "gateway.db");
    for (let start = 1; start <= 2; start++) {
      const { database, people } = await openTestStores(path);
      await people.addPerson({ id: `p${start}`, name: "Ada", email: null, campusId: null }, 1);
      expect(await people.countPeople()).toBe(start);
      const done = await database.sql.executeQuery(CompiledQuery.raw("SELECT name FROM kysely_migration"));
      expect(done.rows).toEqual([{ name: "0001-first" }]);
      await database.close();
    }
  });

  test("a database of a newer version is refused, not guessed at", async () => {
    const path = join(directory, "gateway.db");
    const { database } = await openTestStores(path);
    const newer = "INSERT INTO kysely_migration (name, timestamp) VALUES ('9999-later', 'x')";
    await database.sql.executeQuery(CompiledQuery.raw(newer));
    await database.close();
    await expect(openDatabase(openLocalChannel(path))).rejects.toThrow(/newer gateway/);
  });

  test("SAFETY R18 in its thread: WAL with synchronous=FULL, read back; one process at a time", async () => {
    const path = join(directory, "gateway.db");
    const channel = await openThreadChannel(path);
    const { sql, close } = await openDatabase(channel);
    const pragma = async (name: string) => (await sql.executeQuery(CompiledQuery.raw(`PRAGMA ${name}`))).rows[0];
    expect(await pragma("journal_mode")).toEqual({ journal_mode: "wal" });
    expect(await pragma("synchronous")).toEqual({ synchronous: 2 });
    expect(await pragma("foreign_keys")).toEqual({ foreign_keys: 1 });
    await expect(openThreadChannel(path)).rejects.toMatchObject({ code: expect.stringMatching(/^SQLITE_BUSY/) });
    await close();
    await expect(channel.ask({ kind: "head", agent: "x" })).rejects.toThrow("closed");
  });

  test("a transaction is whole or nothing, and nobody's statement gets in between", async () => {
    const { database, people } = await openTestStores();
    const failing = database.sql.transaction().execute(async (trx) => {
      await trx.insertInto("people").values({ id: "a", name: "A", created_at: 1 }).execute();
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error("no");
    });
    const other = people.addPerson({ id: "b", name: "B", email: null, campusId: null }, 1);
    await expect(failing).rejects.toThrow("no");
    await other;
    expect((await people.people("")).map(({ id }) => id)).toEqual(["b"]);
  });

  test("a search is a text, not a pattern", async () => {
    const { people } = await openTestStores();
    await people.addPerson({ id: "a", name: "100% Ada_Example", email: "ada@example.org", campusId: "x1" }, 1);
    await people.addPerson({ id: "b", name: "Bob", email: null, campusId: null }, 1);
    const found = async (search: string) => (await people.people(search)).map(({ id }) => id);
    expect(await found("%")).toEqual(["a"]);
    expect(await found("ada_")).toEqual(["a"]);
    expect(await found("EXAMPLE.ORG")).toEqual(["a"]);
    expect(await found("' OR 1=1")).toEqual([]);
    expect(await found("")).toHaveLength(2);
  });
});
