import { Kysely, Migrator } from "kysely";
import type { ChainHead, CommittedBatch, UsageJournal } from "../usage/ports.js";
import { migrations } from "./migrations.js";
import type { Tables } from "./schema.js";
import { sqliteDialect } from "./sqlite-dialect.js";
import type { StoreChannel } from "./store-channel.js";
import { Turns } from "./turns.js";

export interface Database {
  readonly sql: Kysely<Tables>;
  /** The hot side of the usage log; `site` is the SHA-256 of root version 1. */
  openUsageJournal(site: Uint8Array): Promise<UsageJournal>;
  close(): Promise<void>;
}

/**
 * Opens the tables over a channel and brings them up to date. Rejects with the migration's error; nothing of it then
 * stays.
 */
export async function openDatabase(channel: StoreChannel): Promise<Database> {
  const turns = new Turns();
  const sql = new Kysely<Tables>({ dialect: sqliteDialect(channel, turns) });
  const migrator = new Migrator({ db: sql, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error) {
    await channel.close();
    throw new Error("the database could not be brought up to date; a newer gateway may have written it", {
      cause: error,
    });
  }
  return {
    sql,
    async openUsageJournal(site) {
      await turns.run(() => channel.ask({ kind: "openUsage", site }));
      return {
        commit: async (batch) =>
          (await turns.share(() =>
            channel.ask({ kind: "commit", batch }, [batch.bytes.buffer as ArrayBuffer]),
          )) as CommittedBatch,
        head: async (agent) => (await turns.share(() => channel.ask({ kind: "head", agent }))) as ChainHead | undefined,
        settleGap: async (agent, { boot, sequence, chain, pending }, at) =>
          (await turns.share(() =>
            channel.ask({ kind: "settleGap", agent, journal: { boot, sequence, chain, pending }, at }),
          )) as ChainHead | undefined,
      };
    },
    async close() {
      await turns.run(() => sql.destroy());
      await channel.close();
    },
  };
}
