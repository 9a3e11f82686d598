import type { Kysely, Selectable } from "kysely";
import type { Badge, BadgeStore, HeldGrant } from "../issuing/ports.js";
import type { Tables } from "./schema.js";

export function badgeStore(sql: Kysely<Tables>): BadgeStore {
  return {
    async badge(id) {
      const row = await sql.selectFrom("badges").selectAll().where("id", "=", id).executeTakeFirst();
      return row && toBadge(row);
    },
    async badges({ person, cardUid }) {
      const rows = await sql
        .selectFrom("badges")
        .selectAll()
        .$if(person !== undefined, (query) => query.where("person", "=", person ?? ""))
        .$if(cardUid !== undefined, (query) => query.where("card_uid", "=", cardUid ?? ""))
        .orderBy("reserved_at")
        .execute();
      return rows.map(toBadge);
    },
    async marked(issuer) {
      const rows = await sql
        .selectFrom("badges")
        .select(["id", "status_index", "state", "status_version"])
        .where("issuer", "=", issuer)
        // A lifted hold that no list holds yet is a change as well.
        .where((or) =>
          or.or([
            or("state", "in", ["suspended", "superseded", "revoked"]),
            or.and([or("state", "=", "valid"), or("status_version", "is", null), or("reason", "is not", null)]),
          ]),
        )
        .execute();
      return rows.map((row) => ({
        id: row.id,
        statusIndex: row.status_index,
        state: row.state,
        statusVersion: row.status_version,
      }));
    },
    async countBadges() {
      const { badges } = await sql
        .selectFrom("badges")
        .select((count) => count.fn.countAll<number>().as("badges"))
        .executeTakeFirstOrThrow();
      return badges;
    },
    async reserve({ id, person, issuer, statusIndex, pseudonym, grants, reservedAt, expiresAt }) {
      const { numInsertedOrUpdatedRows: added } = await sql
        .insertInto("badges")
        .values({
          id,
          person,
          issuer,
          status_index: statusIndex,
          pseudonym,
          state: "awaitingCard",
          grants: JSON.stringify(grants),
          reserved_at: reservedAt,
          expires_at: expiresAt,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return added === 1n;
    },
    async markIssued(id, { bytes, issuedAt, expiresAt, grants, cardUid }) {
      const { numUpdatedRows } = await sql
        .updateTable("badges")
        .set({
          state: "valid",
          bytes,
          issued_at: issuedAt,
          expires_at: expiresAt,
          grants: JSON.stringify(grants),
          card_uid: cardUid,
        })
        .where("id", "=", id)
        .where("state", "=", "awaitingCard")
        .where("bytes", "is", null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async changeState(id, from, to, { action, operator, reason, at }) {
      return sql.transaction().execute(async (trx) => {
        const row = await trx
          .updateTable("badges")
          .set({ state: to, reason, status_version: null })
          .where("id", "=", id)
          .where("state", "in", [...from])
          .returningAll()
          .executeTakeFirst();
        if (!row) return undefined;
        await trx.insertInto("staff_actions").values({ at, operator, action, subject: id, reason }).execute();
        return toBadge(row);
      });
    },
  };
}

function toBadge(row: Selectable<Tables["badges"]>): Badge {
  return {
    id: row.id,
    person: row.person,
    issuer: row.issuer,
    statusIndex: row.status_index,
    pseudonym: row.pseudonym,
    state: row.state,
    grants: JSON.parse(row.grants) as HeldGrant[],
    reservedAt: row.reserved_at,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    cardUid: row.card_uid,
    bytes: row.bytes,
    reason: row.reason,
    statusVersion: row.status_version,
  };
}
