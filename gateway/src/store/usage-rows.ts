import {
  DecodeError,
  type RowPosition,
  type UsageRow,
  chainStart,
  decodeUsageRecord,
  rowCommitment,
} from "@badgekey/shared";
import type Database from "better-sqlite3";
import { type HeldRows, isAfter, linkRow } from "../usage/link-rows.js";
import { type RecordPeek, peekRecord } from "../usage/peek-record.js";
import { readUsagePacket } from "../usage/read-packet.js";
import type { ChainHead, CommittedBatch, NewRow, PacketBatch, SecurityFinding } from "../usage/ports.js";

const MOST_EVIDENCE_BYTES = 4_096;
/** Evidence of one agent that is kept per run of the gateway: a broken agent must not fill the disk. */
const MOST_FINDINGS = 200;

/** The usage log's hot side over one SQLite connection: prepared statements, heads held in memory. Synchronous. */
export class UsageRows {
  readonly #db: Database.Database;
  readonly #site: Uint8Array;
  readonly #heads = new Map<string, ChainHead>();
  readonly #findings = new Map<string, number>();
  readonly #statements: ReturnType<typeof prepare>;
  readonly #held: HeldRows;
  /** Of the row that is being linked. */
  #peek: RecordPeek | undefined;
  #receivedAt = 0;

  /** `site` is the SHA-256 of root version 1: every chain begins with it. */
  constructor(db: Database.Database, site: Uint8Array) {
    this.#db = db;
    this.#site = site;
    this.#statements = prepare(db);
    this.#held = this.#heldRows();
  }

  head(agent: string): ChainHead | undefined {
    const head = this.#head(agent);
    return head.boot === 0 && head.pending === 0 ? undefined : head;
  }

  /** One transaction. Throws where it could not be committed; nothing of it then counts. */
  commit(batch: PacketBatch): CommittedBatch {
    const touched = new Set<string>();
    const rows: NewRow[] = [];
    const findings: (SecurityFinding & { readonly bytes: Uint8Array })[] = [];
    let stored = 0;
    let duplicates = 0;
    this.#receivedAt = batch.receivedAt;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      let start = 0;
      batch.agents.forEach((agent, index) => {
        const end = batch.ends[index] ?? start;
        const bytes = batch.bytes.subarray(start, end);
        start = end;
        const packet = readPacket(bytes);
        if (!packet.ok) {
          findings.push({ agent, code: packet.code, detail: packet.detail, bytes });
          return;
        }
        for (const row of packet.rows) {
          const peek = peekRecord(row.body);
          if (!peek) findings.push({ agent, code: "USAGE_MALFORMED", detail: `record ${at(row)}`, bytes: row.body });
          this.#peek = peek;
          const linked = linkRow(agent, this.#head(agent), row, peek?.kind === "gap", this.#held);
          switch (linked.kind) {
            case "stored":
              stored += 1;
              this.#heads.set(agent, linked.head);
              touched.add(agent);
              if (peek && (rows.length < batch.mostRows || peek.job !== null)) addRow(rows, agent, row);
              break;
            case "duplicate":
              duplicates += 1;
              touched.add(agent);
              break;
            case "forked":
              findings.push({ agent, code: "USAGE_FORKED", detail: `record ${at(row)} came twice`, bytes: row.body });
          }
        }
      });
      for (const agent of touched) {
        const { boot, sequence, chain, pending } = this.#head(agent);
        this.#statements.saveHead.run(agent, boot, sequence, chain, pending);
      }
      this.#keep(findings, batch.receivedAt);
      this.#db.exec("COMMIT");
    } catch (cause) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      this.#heads.clear();
      throw cause;
    }
    const heads = [...touched].map((agent) => ({ agent, ...this.#head(agent) }));
    return {
      stored,
      duplicates,
      heads,
      rows,
      findings: findings.map(({ agent, code, detail }) => ({ agent, code, detail })),
    };
  }

  settleGap(
    agent: string,
    journal: RowPosition & { readonly chain: Uint8Array; readonly pending: number },
    receivedAt: number,
  ): ChainHead | undefined {
    const head = this.#head(agent);
    if (head.pending === 0 || !isAfter(journal, head)) return undefined;
    // Backwards from the agent's newest row: everything it still holds must be held here too.
    let wanted = journal.chain;
    for (let left = journal.pending; left > 0; left--) {
      const row = this.#statements.byChain.get(agent, wanted) as { previous: Uint8Array } | undefined;
      if (!row) return undefined;
      wanted = row.previous;
    }
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const pending = this.#jumpGap(agent, journal, "the agent holds nothing before it any more", receivedAt);
      const next = { boot: journal.boot, sequence: journal.sequence, chain: journal.chain, pending };
      this.#statements.saveHead.run(agent, next.boot, next.sequence, next.chain, pending);
      this.#db.exec("COMMIT");
      this.#heads.set(agent, next);
      return next;
    } catch (cause) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      this.#heads.clear();
      throw cause;
    }
  }

  #head(agent: string): ChainHead {
    let head = this.#heads.get(agent);
    if (!head) {
      const row = this.#statements.readHead.get(agent) as ChainHead | undefined;
      head = row
        ? { ...row, chain: new Uint8Array(row.chain) }
        : { boot: 0, sequence: 0, chain: chainStart(this.#site, agent), pending: 0 };
      this.#heads.set(agent, head);
    }
    return head;
  }

  #heldRows(): HeldRows {
    const { find, insert, pendingAfter, markLinked } = this.#statements;
    return {
      find(agent, { boot, sequence }) {
        const row = find.get(agent, boot, sequence) as ErasableRow | undefined;
        return row && { previous: row.previous, commitment: row.commitment ?? rowCommitment(row) };
      },
      insert: (agent, { boot, sequence, previous, salt, body }, chain, linked) => {
        const { kind = null, at = null, machine, holder = null, code = null } = this.#peek ?? {};
        insert.run(
          agent,
          boot,
          sequence,
          previous,
          salt,
          body,
          chain,
          this.#receivedAt,
          linked ? 1 : 0,
          kind,
          at,
          machine === undefined || machine === agent ? null : machine,
          holder,
          code,
        );
      },
      pendingAfter(agent, chain) {
        const row = pendingAfter.get(agent, chain) as (RowPosition & { chain: Uint8Array }) | undefined;
        return row && { ...row, chain: new Uint8Array(row.chain) };
      },
      markLinked: (agent, { boot, sequence }) => {
        markLinked.run(agent, boot, sequence);
      },
      jumpGap: (agent, position, detail) => this.#jumpGap(agent, position, detail, this.#receivedAt),
    };
  }

  #jumpGap(agent: string, { boot, sequence }: RowPosition, detail: string, receivedAt: number): number {
    this.#statements.linkUpTo.run(agent, boot, boot, sequence);
    this.#statements.noteGap.run(agent, boot, sequence, receivedAt, detail);
    return (this.#statements.countPending.get(agent) as { pending: number }).pending;
  }

  #keep(findings: readonly (SecurityFinding & { readonly bytes: Uint8Array })[], receivedAt: number): void {
    for (const { agent, code, detail, bytes } of findings) {
      const kept = this.#findings.get(agent) ?? 0;
      if (kept >= MOST_FINDINGS) continue;
      this.#findings.set(agent, kept + 1);
      this.#statements.keepFinding.run(receivedAt, code, agent, detail, bytes.subarray(0, MOST_EVIDENCE_BYTES));
    }
  }
}

function prepare(db: Database.Database) {
  return {
    find: db.prepare(
      "SELECT previous, salt, body, commitment FROM usage WHERE agent = ? AND boot = ? AND sequence = ?",
    ),
    insert: db.prepare(
      `INSERT INTO usage (agent, boot, sequence, previous, salt, body, chain, received_at, linked, kind, at, machine,
         holder, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    pendingAfter: db.prepare(
      "SELECT boot, sequence, chain FROM usage WHERE agent = ? AND previous = ? AND linked = 0 ORDER BY boot, sequence",
    ),
    byChain: db.prepare("SELECT previous FROM usage WHERE agent = ? AND linked = 0 AND chain = ?"),
    markLinked: db.prepare("UPDATE usage SET linked = 1 WHERE agent = ? AND boot = ? AND sequence = ?"),
    linkUpTo: db.prepare(
      "UPDATE usage SET linked = 1 WHERE agent = ? AND linked = 0 AND (boot < ? OR (boot = ? AND sequence <= ?))",
    ),
    countPending: db.prepare("SELECT count(*) AS pending FROM usage WHERE agent = ? AND linked = 0"),
    noteGap: db.prepare("INSERT OR IGNORE INTO usage_gaps (agent, boot, sequence, at, detail) VALUES (?, ?, ?, ?, ?)"),
    readHead: db.prepare("SELECT boot, sequence, chain, pending FROM usage_heads WHERE agent = ?"),
    saveHead: db.prepare(
      `INSERT INTO usage_heads (agent, boot, sequence, chain, pending) VALUES (?, ?, ?, ?, ?) ON CONFLICT (agent)
         DO UPDATE SET boot = excluded.boot, sequence = excluded.sequence, chain = excluded.chain,
         pending = excluded.pending`,
    ),
    keepFinding: db.prepare("INSERT INTO security_events (at, code, agent, detail, bytes) VALUES (?, ?, ?, ?, ?)"),
  };
}

interface ErasableRow {
  readonly previous: Uint8Array;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  /** Set once salt and body are erased. */
  readonly commitment: Uint8Array | null;
}

type Packet =
  | { readonly ok: true; readonly rows: readonly UsageRow[] }
  | { readonly ok: false; readonly code: string; readonly detail: string };

function readPacket(bytes: Uint8Array): Packet {
  try {
    return { ok: true, rows: readUsagePacket(bytes) };
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, code: error.code, detail: `a packet: ${error.message}` };
    throw error;
  }
}

/** What others act upon is decoded strictly; a body that is no usage record is kept all the same. */
function addRow(rows: NewRow[], agent: string, { boot, sequence, body }: UsageRow): void {
  try {
    rows.push({ agent, boot, sequence, record: decodeUsageRecord(body) });
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

function at({ boot, sequence }: RowPosition): string {
  return `${boot}/${sequence}`;
}
