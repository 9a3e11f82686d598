import type { Generated } from "kysely";

/**
 * The tables as kysely sees them. Instants are ms since the epoch, booleans 0 or 1, structures JSON texts, ids texts:
 * the same statements are to run on PostgreSQL.
 */
export interface Tables {
  trainings: { number: number; slug: string; name: string; url: string; valid_days: number };
  people: { id: string; name: string; email: string | null; campus_id: string | null; created_at: number };
  training_records: {
    id: string;
    person: string;
    training: number;
    level: number;
    held_on: string;
    ends_at: number;
    trainer: string | null;
    evidence: string | null;
    created_at: number;
  };
  badges: {
    id: string;
    person: string;
    /** Kid of the issuer, hex. */
    issuer: string;
    status_index: number;
    pseudonym: string;
    state: "awaitingCard" | "valid" | "suspended" | "superseded" | "revoked";
    /** [{ training, level, endsAt }] in ms. */
    grants: string;
    reserved_at: number;
    issued_at: number | null;
    expires_at: number;
    /** Hex. */
    card_uid: string | null;
    bytes: Uint8Array | null;
    reason: string | null;
    /** Version of the status list that first held the newest change; null while none does. */
    status_version: number | null;
  };
  machines: { id: string; agent: string; policy: string; created_at: number };
  lockouts: { machine: string; reason: string; by: string; at: number };
  agents: {
    id: string;
    key: Uint8Array | null;
    enrolled_at: number | null;
    certificate_serial: string | null;
    certificate_ends_at: number | null;
    last_seen_at: number | null;
    quarantined: number;
    /** The newest signed report, as received. */
    report: Uint8Array | null;
    report_at: number | null;
  };
  invites: { secret_hash: Uint8Array; agent: string; created_at: number; expires_at: number; used_at: number | null };
  commands: { agent: string; number: number; kind: string; issued_at: number; expires_at: number };
  jobs: {
    id: string;
    kind: "writeCard" | "readCard";
    agent: string;
    badge: string | null;
    state: "waitingForCard" | "writing" | "done" | "failed";
    card_uid: string | null;
    code: string | null;
    detail: string | null;
    created_at: number;
    expires_at: number;
  };
  objects: {
    name: string;
    version: number;
    bytes: Uint8Array;
    hash: Uint8Array;
    issued_at: number;
    expires_at: number;
  };
  usage: {
    id: Generated<number>;
    agent: string;
    boot: number;
    sequence: number;
    previous: Uint8Array;
    salt: Uint8Array;
    body: Uint8Array;
    /** SHA-256 of salt and body, set when those are erased. */
    commitment: Uint8Array | null;
    chain: Uint8Array;
    received_at: number;
    /** 1: reached from the chain's start without a hole; 0: something before it is missing. */
    linked: number;
    kind: string | null;
    at: number | null;
    /** Null where it is called as its agent, as nearly always: one index entry less for each record. */
    machine: string | null;
    holder: string | null;
    code: string | null;
  };
  usage_heads: { agent: string; boot: number; sequence: number; chain: Uint8Array; pending: number };
  /** Holes that will not be filled any more: the chain goes on at (boot, sequence). */
  usage_gaps: { agent: string; boot: number; sequence: number; at: number; detail: string };
  security_events: {
    id: Generated<number>;
    at: number;
    code: string;
    agent: string | null;
    detail: string;
    bytes: Uint8Array | null;
  };
  staff_actions: {
    id: Generated<number>;
    at: number;
    operator: string;
    action: string;
    subject: string;
    reason: string | null;
  };
}
