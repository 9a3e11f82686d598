import { DecodeError, type Instant, type UsageRecord, decodeUsageRecord, toHex } from "@badgekey/shared";

export interface LogFilter {
  readonly machine?: string;
  readonly agent?: string;
  readonly person?: string;
  readonly kind?: string;
  readonly code?: string;
  readonly since?: Instant;
  readonly until?: Instant;
}

/** A row as stored, with the person its badge belongs to. */
export interface LogRow {
  /** Rises with every row received. */
  readonly id: number;
  readonly agent: string;
  readonly boot: number;
  readonly sequence: number;
  readonly receivedAt: Instant;
  readonly body: Uint8Array;
  readonly personName: string | null;
}

export interface LogStore {
  /** Newest first, with an id below `before`. */
  rows(filter: LogFilter, before: number | undefined, limit: number): Promise<readonly LogRow[]>;
  countRows(): Promise<number>;
  /** The name of the person a pseudonym stands for. */
  personOf(pseudonym: string): Promise<string | null>;
}

/** One line of the log as people and programs read it: LogView of the API. */
export interface LogEntry {
  readonly agent: string;
  readonly boot: number;
  readonly sequence: number;
  readonly receivedAt: string;
  readonly at: string;
  readonly clock: string;
  readonly kind: string;
  readonly machine: string;
  readonly personName: string | null;
  readonly holder: string | null;
  readonly session: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly durationMs: number | null;
  readonly decisionUs: number | null;
  readonly assurance: number | null;
  readonly grants: { training: number; level: number }[] | null;
  readonly by: string | null;
}

/** One page; `next` is what to ask with for the rows before these. */
export async function readLog(
  filter: LogFilter,
  { after, limit }: { readonly after?: number; readonly limit: number },
  store: LogStore,
): Promise<{ readonly rows: LogEntry[]; readonly next: string | null }> {
  const rows = await store.rows(filter, after, limit + 1);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page.map(logEntry), next: rows.length > limit && last ? String(last.id) : null };
}

/** Small enough that decoding a page does not hold up the loop. */
const PAGE = 200;

/** Every row that fits, newest first, read in pages: the log may be longer than memory. */
export async function* eachLogEntry(filter: LogFilter, store: LogStore): AsyncGenerator<LogEntry> {
  let before: number | undefined;
  for (;;) {
    const rows = await store.rows(filter, before, PAGE);
    for (const row of rows) yield logEntry(row);
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    before = last.id;
  }
}

export function logEntry(row: Omit<LogRow, "id">): LogEntry {
  return entryOf(row, readBody(row.body));
}

/** The entry of a record decoded already; `record` undefined where its body cannot be read. */
export function entryOf(
  row: Pick<LogRow, "agent" | "boot" | "sequence" | "receivedAt" | "personName">,
  record: UsageRecord | undefined,
): LogEntry {
  const { agent, boot, sequence, receivedAt, personName } = row;
  const received = new Date(receivedAt).toISOString();
  return {
    agent,
    boot,
    sequence,
    receivedAt: received,
    at: record ? new Date(record.at).toISOString() : received,
    clock: record?.clock ?? "untrusted",
    kind: record?.kind ?? "unreadable",
    machine: record?.machine ?? agent,
    personName,
    holder: record?.holder ?? null,
    session: record?.session ? toHex(record.session) : null,
    code: record?.code ?? null,
    reason: record?.reason ?? null,
    durationMs: record?.durationMs ?? null,
    decisionUs: record?.decisionUs ?? null,
    assurance: record?.assurance ?? null,
    grants: record?.grants?.map(({ training, level }) => ({ training, level })) ?? null,
    by: record?.by ?? null,
  };
}

function readBody(body: Uint8Array): UsageRecord | undefined {
  try {
    return decodeUsageRecord(body);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
