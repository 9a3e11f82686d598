import type { Kysely, Selectable } from "kysely";
import type { CardJob, CommandStore, JobStore } from "../commands/ports.js";
import type { Tables } from "./schema.js";

export function commandStore(sql: Kysely<Tables>): CommandStore & JobStore {
  return {
    async nextNumber(agent, kind, issuedAt, expiresAt) {
      return sql.transaction().execute(async (trx) => {
        const { newest } = await trx
          .selectFrom("commands")
          .select((most) => most.fn.max<number | null>("number").as("newest"))
          .where("agent", "=", agent)
          .executeTakeFirstOrThrow();
        const number = (newest ?? 0) + 1;
        await trx
          .insertInto("commands")
          .values({ agent, number, kind, issued_at: issuedAt, expires_at: expiresAt })
          .execute();
        return number;
      });
    },
    async job(id) {
      const row = await sql.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toJob(row);
    },
    async addJob(job) {
      await sql.insertInto("jobs").values(toRow(job)).execute();
    },
    async saveJob(job) {
      await sql.updateTable("jobs").set(toRow(job)).where("id", "=", job.id).execute();
    },
    async openJobs() {
      const rows = await sql
        .selectFrom("jobs")
        .selectAll()
        .where("state", "in", ["waitingForCard", "writing"])
        .execute();
      return rows.map(toJob);
    },
  };
}

function toRow({ cardUid, createdAt, expiresAt, ...rest }: CardJob): Tables["jobs"] {
  return { ...rest, card_uid: cardUid, created_at: createdAt, expires_at: expiresAt };
}

function toJob(row: Selectable<Tables["jobs"]>): CardJob {
  const { card_uid: cardUid, created_at: createdAt, expires_at: expiresAt, ...rest } = row;
  return { ...rest, cardUid, createdAt, expiresAt };
}
