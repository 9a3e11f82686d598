import { type Kysely, sql as raw } from "kysely";
import type { LogStore } from "../usage/log.js";
import type { VerifyStore } from "../usage/verify-log.js";
import type { Tables } from "./schema.js";

export function logStore(sql: Kysely<Tables>): LogStore & VerifyStore {
  return {
    async rows(filter, before, limit) {
      let query = sql
        .selectFrom("usage")
        .leftJoin("badges", "badges.pseudonym", "usage.holder")
        .leftJoin("people", "people.id", "badges.person")
        .select([
          "usage.id",
          "usage.agent",
          "usage.boot",
          "usage.sequence",
          "usage.received_at as receivedAt",
          "usage.body",
          "people.name as personName",
        ]);
      const { machine, agent, person, kind, code, since, until } = filter;
      if (machine !== undefined) {
        query = query.where((or) =>
          or.or([
            or("usage.machine", "=", machine),
            or.and([or("usage.machine", "is", null), or("usage.agent", "=", machine)]),
          ]),
        );
      }
      if (agent !== undefined) query = query.where("usage.agent", "=", agent);
      if (person !== undefined) query = query.where("badges.person", "=", person);
      if (kind !== undefined) query = query.where("usage.kind", "=", kind);
      if (code !== undefined) query = query.where("usage.code", "=", code);
      if (since !== undefined) query = query.where("usage.at", ">=", since);
      if (until !== undefined) query = query.where("usage.at", "<", until);
      if (before !== undefined) query = query.where("usage.id", "<", before);
      return query.orderBy("usage.id", "desc").limit(limit).execute();
    },
    // Rows are never deleted: the newest id is their number, and counting them all would take long.
    async countRows() {
      const { rows } = await raw<{ rows: number }>`SELECT coalesce(max(id), 0) AS rows FROM usage`
        .execute(sql)
        .then((result) => result.rows[0] ?? { rows: 0 });
      return rows;
    },
    async personOf(pseudonym) {
      const row = await sql
        .selectFrom("badges")
        .innerJoin("people", "people.id", "badges.person")
        .select("people.name")
        .where("badges.pseudonym", "=", pseudonym)
        .executeTakeFirst();
      return row?.name ?? null;
    },
    async agentsWithRows() {
      const rows = await sql.selectFrom("usage_heads").select("agent").orderBy("agent").execute();
      return rows.map(({ agent }) => agent);
    },
    chainRows: (agent, { boot, sequence }, limit) =>
      sql
        .selectFrom("usage")
        .select(["boot", "sequence", "previous", "salt", "body", "chain"])
        .where("agent", "=", agent)
        .where((or) => or.or([or("boot", ">", boot), or.and([or("boot", "=", boot), or("sequence", ">", sequence)])]))
        .orderBy("boot")
        .orderBy("sequence")
        .limit(limit)
        .execute(),
    async forks() {
      const rows = await sql
        .selectFrom("security_events")
        .select(["agent", "detail"])
        .where("code", "=", "USAGE_FORKED")
        .orderBy("id")
        .limit(1_000)
        .execute();
      return rows.map(({ agent, detail }) => ({ agent: agent ?? "", detail }));
    },
  };
}
