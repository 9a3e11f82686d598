import type { Kysely } from "kysely";
import type { EnrolmentStore } from "../enrolment/ports.js";
import type { Tables } from "./schema.js";

export function enrolmentStore(sql: Kysely<Tables>): EnrolmentStore {
  return {
    async addInvite(secretHash, agent, createdAt, expiresAt) {
      await sql.transaction().execute(async (trx) => {
        // The newest invite of an agent is the one that counts, and nothing long dead is kept.
        await trx
          .deleteFrom("invites")
          .where((or) => or.or([or("expires_at", "<", createdAt), or("agent", "=", agent)]))
          .execute();
        await trx
          .insertInto("invites")
          .values({ secret_hash: secretHash, agent, created_at: createdAt, expires_at: expiresAt })
          .execute();
        await trx
          .insertInto("agents")
          .values({ id: agent, quarantined: 0 })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      });
    },
    async enrol(secretHash, { id, key, certificateSerial, certificateEndsAt }, now) {
      return sql.transaction().execute(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable("invites")
          .set({ used_at: now })
          .where("secret_hash", "=", secretHash)
          .where("agent", "=", id)
          .where("used_at", "is", null)
          .where("expires_at", ">", now)
          .executeTakeFirst();
        if (numUpdatedRows !== 1n) return false;
        await trx
          .updateTable("agents")
          .set({
            key,
            enrolled_at: now,
            certificate_serial: certificateSerial,
            certificate_ends_at: certificateEndsAt,
            // Reports of an earlier key say nothing any more.
            report: null,
            report_at: null,
          })
          .where("id", "=", id)
          .execute();
        return true;
      });
    },
    async isOpen(secretHash, agent, now) {
      const row = await sql
        .selectFrom("invites")
        .select("agent")
        .where("secret_hash", "=", secretHash)
        .where("agent", "=", agent)
        .where("used_at", "is", null)
        .where("expires_at", ">", now)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}
