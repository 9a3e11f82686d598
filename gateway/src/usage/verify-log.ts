import {
  DecodeError,
  type RowPosition,
  chainAfter,
  chainStart,
  decodeUsageRecord,
  rowCommitment,
  sameBytes,
} from "@badgekey/shared";

export interface StoredRow extends RowPosition {
  readonly previous: Uint8Array;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  readonly chain: Uint8Array;
}

export interface LogProblem extends RowPosition {
  readonly agent: string;
  readonly kind: "gap" | "altered" | "fork" | "malformed";
  readonly detail: string;
}

/** What an agent itself signed about its journal: the one thing a forged database cannot bring along. */
export interface SignedHead extends RowPosition {
  readonly agent: string;
  readonly chain: Uint8Array;
}

export interface VerifyStore {
  agentsWithRows(): Promise<readonly string[]>;
  /** In the order of the chain, after a position. */
  chainRows(agent: string, after: RowPosition, limit: number): Promise<readonly StoredRow[]>;
  forks(): Promise<readonly { readonly agent: string; readonly detail: string }[]>;
}

export interface LogVerdict {
  readonly rows: number;
  readonly agents: number;
  readonly problems: readonly LogProblem[];
}

/** Small enough that checking a page does not hold up the loop. */
const PAGE = 100;
const MOST_PROBLEMS = 1_000;

/**
 * Walks every agent's chain from its start (SPEC 6.4): bytes against the chain, each row against the one before
 * it, the whole against the heads that agents signed. Reads in pages, so the gateway goes on serving meanwhile.
 */
export async function verifyLog(
  store: VerifyStore,
  site: Uint8Array,
  signedHeads: readonly SignedHead[],
): Promise<LogVerdict> {
  const problems: LogProblem[] = [];
  const agents = await store.agentsWithRows();
  let rows = 0;
  for (const agent of agents) {
    const signed = signedHeads.find((head) => head.agent === agent);
    rows += await verifyAgent(agent, store, { start: chainStart(site, agent), signed, problems });
  }
  for (const { agent, detail } of await store.forks()) {
    problems.push({ agent, kind: "fork", ...positionIn(detail), detail });
  }
  return { rows, agents: agents.length, problems: problems.slice(0, MOST_PROBLEMS) };
}

async function verifyAgent(
  agent: string,
  store: VerifyStore,
  { start, signed, problems }: { start: Uint8Array; signed: SignedHead | undefined; problems: LogProblem[] },
): Promise<number> {
  let count = 0;
  let chain = start;
  let at: RowPosition = { boot: 0, sequence: 0 };
  const report = (kind: LogProblem["kind"], { boot, sequence }: RowPosition, detail: string): void => {
    if (problems.length < MOST_PROBLEMS) problems.push({ agent, kind, boot, sequence, detail });
  };
  for (;;) {
    const page = await store.chainRows(agent, at, PAGE);
    for (const row of page) {
      count += 1;
      if (!sameBytes(row.previous, chain)) report("gap", row, `records before it are missing, after ${text(at)}`);
      const after = chainAfter(row, rowCommitment(row));
      if (!sameBytes(after, row.chain)) {
        report("altered", row, "its bytes are not those that were received");
      } else if (!isReadable(row.body)) {
        report("malformed", row, "not a usage record");
      }
      if (signed?.boot === row.boot && signed.sequence === row.sequence && !sameBytes(signed.chain, after)) {
        report("altered", row, "the chain differs from what the agent signed at this record");
      }
      // The stored value, so that one altered row is one problem and not all that follow.
      chain = row.chain;
      at = { boot: row.boot, sequence: row.sequence };
    }
    if (page.length < PAGE) return count;
  }
}

function isReadable(body: Uint8Array): boolean {
  try {
    decodeUsageRecord(body);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

function text({ boot, sequence }: RowPosition): string {
  return boot === 0 ? "the start" : `${boot}/${sequence}`;
}

/** "record 3/17 came twice" → 3 and 17. */
function positionIn(detail: string): RowPosition {
  const found = /(\d+)\/(\d+)/.exec(detail);
  return { boot: Number(found?.[1] ?? 0), sequence: Number(found?.[2] ?? 0) };
}
