import type { MachinePolicy } from "@badgekey/shared";
import type { Kysely } from "kysely";
import type { AgentStore, FindingStore, MachineStore } from "../machines/ports.js";
import type { Tables } from "./schema.js";

export function machineStore(sql: Kysely<Tables>): MachineStore & AgentStore & FindingStore {
  return {
    async machines() {
      const rows = await sql.selectFrom("machines").selectAll().orderBy("id").execute();
      return rows.map(({ id, agent, policy }) => ({ id, agent, policy: JSON.parse(policy) as MachinePolicy }));
    },
    async addMachine({ id, agent, policy }, createdAt) {
      const { numInsertedOrUpdatedRows: added } = await sql
        .insertInto("machines")
        .values({ id, agent, policy: JSON.stringify(policy), created_at: createdAt })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return added === 1n;
    },
    async saveMachine({ id, agent, policy }) {
      await sql
        .updateTable("machines")
        .set({ agent, policy: JSON.stringify(policy) })
        .where("id", "=", id)
        .execute();
    },
    async lockouts() {
      const rows = await sql.selectFrom("lockouts").selectAll().execute();
      return new Map(rows.map(({ machine, ...lockout }) => [machine, lockout]));
    },
    async setLockout(machine, { reason, by, at }) {
      await sql.transaction().execute(async (trx) => {
        await trx.insertInto("lockouts").values({ machine, reason, by, at }).execute();
        await trx
          .insertInto("staff_actions")
          .values({ at, operator: by, action: "outOfService", subject: machine, reason })
          .execute();
      });
    },
    async clearLockout(machine, by, reason, at) {
      return sql.transaction().execute(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom("lockouts").where("machine", "=", machine).executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await trx
          .insertInto("staff_actions")
          .values({ at, operator: by, action: "release", subject: machine, reason })
          .execute();
        return true;
      });
    },
    async agents() {
      const rows = await sql.selectFrom("agents").selectAll().orderBy("id").execute();
      return rows.map((row) => ({
        id: row.id,
        key: row.key,
        certificateSerial: row.certificate_serial,
        certificateEndsAt: row.certificate_ends_at,
        lastSeenAt: row.last_seen_at,
        quarantined: row.quarantined,
        report: row.report,
        reportAt: row.report_at,
      }));
    },
    async addAgent(id) {
      await sql
        .insertInto("agents")
        .values({ id, quarantined: 0 })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    async saveReport(id, report, at) {
      await sql.updateTable("agents").set({ report, report_at: at, last_seen_at: at }).where("id", "=", id).execute();
    },
    async saveSeen(id, at, quarantined) {
      await sql
        .updateTable("agents")
        .set((set) => ({ last_seen_at: at, quarantined: set("quarantined", "+", quarantined) }))
        .where("id", "=", id)
        .execute();
    },
    async addFinding({ at, code, agent, detail, bytes }) {
      await sql
        .insertInto("security_events")
        .values({ at, code, agent, detail, bytes: bytes ?? null })
        .execute();
    },
    findings: (limit) =>
      sql
        .selectFrom("security_events")
        .select(["at", "code", "agent", "detail"])
        .orderBy("id", "desc")
        .limit(limit)
        .execute(),
  };
}
