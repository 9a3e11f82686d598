import type { Migration } from "kysely";
import { sql } from "kysely";

/** In order of their names; a migration that has been released is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-first": {
    async up(db) {
      for (const statement of first) await sql.raw(statement).execute(db);
    },
  },
};

const first: readonly string[] = [
  `CREATE TABLE trainings (number INTEGER PRIMARY KEY NOT NULL, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
     url TEXT NOT NULL, valid_days INTEGER NOT NULL)`,
  `CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, email TEXT UNIQUE, campus_id TEXT UNIQUE,
     created_at INTEGER NOT NULL)`,
  `CREATE TABLE training_records (id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES people (id),
     training INTEGER NOT NULL REFERENCES trainings (number), level INTEGER NOT NULL, held_on TEXT NOT NULL,
     ends_at INTEGER NOT NULL, trainer TEXT, evidence TEXT, created_at INTEGER NOT NULL)`,
  `CREATE INDEX training_records_person ON training_records (person)`,
  `CREATE TABLE badges (id TEXT PRIMARY KEY NOT NULL, person TEXT NOT NULL REFERENCES people (id), issuer TEXT NOT NULL,
     status_index INTEGER NOT NULL, pseudonym TEXT NOT NULL UNIQUE, state TEXT NOT NULL, grants TEXT NOT NULL,
     reserved_at INTEGER NOT NULL, issued_at INTEGER, expires_at INTEGER NOT NULL, card_uid TEXT, bytes BLOB, reason TEXT,
     status_version INTEGER, UNIQUE (issuer, status_index))`,
  `CREATE INDEX badges_person ON badges (person)`,
  `CREATE INDEX badges_card ON badges (card_uid) WHERE card_uid IS NOT NULL`,
  `CREATE TABLE machines (id TEXT PRIMARY KEY NOT NULL, agent TEXT NOT NULL, policy TEXT NOT NULL,
     created_at INTEGER NOT NULL)`,
  `CREATE TABLE lockouts (machine TEXT PRIMARY KEY NOT NULL REFERENCES machines (id), reason TEXT NOT NULL,
     "by" TEXT NOT NULL, at INTEGER NOT NULL)`,
  `CREATE TABLE agents (id TEXT PRIMARY KEY NOT NULL, key BLOB, enrolled_at INTEGER, certificate_serial TEXT,
     certificate_ends_at INTEGER, last_seen_at INTEGER, quarantined INTEGER NOT NULL DEFAULT 0, report BLOB,
     report_at INTEGER)`,
  `CREATE TABLE invites (secret_hash BLOB PRIMARY KEY NOT NULL, agent TEXT NOT NULL, created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL, used_at INTEGER)`,
  `CREATE TABLE commands (agent TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, issued_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL, PRIMARY KEY (agent, number))`,
  `CREATE TABLE jobs (id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, agent TEXT NOT NULL, badge TEXT,
     state TEXT NOT NULL, card_uid TEXT, code TEXT, detail TEXT, created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL)`,
  `CREATE TABLE objects (name TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, bytes BLOB NOT NULL,
     hash BLOB NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL)`,
  `CREATE TABLE usage (id INTEGER PRIMARY KEY NOT NULL, agent TEXT NOT NULL, boot INTEGER NOT NULL,
     sequence INTEGER NOT NULL, previous BLOB NOT NULL, salt BLOB NOT NULL, body BLOB NOT NULL, commitment BLOB,
     chain BLOB NOT NULL, received_at INTEGER NOT NULL, linked INTEGER NOT NULL, kind TEXT, at INTEGER, machine TEXT,
     holder TEXT, code TEXT)`,
  `CREATE UNIQUE INDEX usage_position ON usage (agent, boot, sequence)`,
  `CREATE INDEX usage_pending ON usage (agent, previous) WHERE linked = 0`,
  `CREATE INDEX usage_machine ON usage (machine) WHERE machine IS NOT NULL`,
  `CREATE INDEX usage_holder ON usage (holder) WHERE holder IS NOT NULL`,
  `CREATE TABLE usage_heads (agent TEXT PRIMARY KEY NOT NULL, boot INTEGER NOT NULL, sequence INTEGER NOT NULL,
     chain BLOB NOT NULL, pending INTEGER NOT NULL)`,
  `CREATE TABLE usage_gaps (agent TEXT NOT NULL, boot INTEGER NOT NULL, sequence INTEGER NOT NULL, at INTEGER NOT NULL,
     detail TEXT NOT NULL, PRIMARY KEY (agent, boot, sequence))`,
  `CREATE TABLE security_events (id INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL, code TEXT NOT NULL, agent TEXT,
     detail TEXT NOT NULL, bytes BLOB)`,
  `CREATE TABLE staff_actions (id INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL, operator TEXT NOT NULL,
     action TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT)`,
];
