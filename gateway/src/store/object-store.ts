import type { Kysely } from "kysely";
import type { ObjectStore } from "../site-state/ports.js";
import type { Tables } from "./schema.js";

export function objectStore(sql: Kysely<Tables>): ObjectStore {
  return {
    async all() {
      const rows = await sql.selectFrom("objects").selectAll().execute();
      return rows.map(({ issued_at: issuedAt, expires_at: expiresAt, ...rest }) => ({ ...rest, issuedAt, expiresAt }));
    },
    async save(objects, holds) {
      await sql.transaction().execute(async (trx) => {
        for (const { issuedAt, expiresAt, ...rest } of objects) {
          const row = { ...rest, issued_at: issuedAt, expires_at: expiresAt };
          await trx
            .insertInto("objects")
            .values(row)
            .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
            .execute();
        }
        if (!holds) return;
        for (let at = 0; at < holds.badges.length; at += 500) {
          await trx
            .updateTable("badges")
            .set({ status_version: holds.version })
            .where("id", "in", holds.badges.slice(at, at + 500))
            .execute();
        }
      });
    },
  };
}
