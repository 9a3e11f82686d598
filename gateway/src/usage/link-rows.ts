import type { RowPosition, UsageRow } from "@badgekey/shared";
import type { ChainHead } from "./ports.js";
import { chainOf, commitmentOf } from "./row-hashes.js";

/** What linking asks of the rows already held; all within one transaction. */
export interface HeldRows {
  find(
    agent: string,
    position: RowPosition,
  ): { readonly commitment: Uint8Array; readonly previous: Uint8Array } | undefined;
  insert(agent: string, row: UsageRow, chain: Uint8Array, linked: boolean): void;
  /** A row beyond a hole whose `previous` is this chain value. */
  pendingAfter(agent: string, chain: Uint8Array): (RowPosition & { readonly chain: Uint8Array }) | undefined;
  markLinked(agent: string, position: RowPosition): void;
  /** Notes a hole for good and marks everything up to the position as linked; returns how many rows remain pending. */
  jumpGap(agent: string, position: RowPosition, detail: string): number;
}

export type Linked =
  | { readonly kind: "stored"; readonly head: ChainHead }
  | { readonly kind: "duplicate" }
  /** The same position with other bytes: the row held stays, this one is evidence. */
  | { readonly kind: "forked" };

/**
 * Takes one row into an agent's chain (SPEC 6.4): linked where it continues the head, kept as pending where something
 * before it is missing, never refused. `isGap`: the record itself says that rows before it are lost.
 */
export function linkRow(agent: string, head: ChainHead, row: UsageRow, isGap: boolean, held: HeldRows): Linked {
  const commitment = commitmentOf(row);
  // With nothing pending, no row beyond the head can be held: the usual case needs no look-up.
  if (!isAfter(row, head) || head.pending > 0) {
    const known = held.find(agent, row);
    if (known) {
      const same = equal(known.commitment, commitment) && equal(known.previous, row.previous);
      return { kind: same ? "duplicate" : "forked" };
    }
  }
  const chain = chainOf(row, commitment);
  if (isAfter(row, head) && equal(row.previous, head.chain)) {
    held.insert(agent, row, chain, true);
    return {
      kind: "stored",
      head: follow(agent, { ...position(row), chain, pending: head.pending }, held),
    };
  }
  held.insert(agent, row, chain, false);
  // The agent says itself that rows are lost: its journal was damaged, and waiting for them would be for ever.
  if (isGap && isAfter(row, head)) {
    const pending = held.jumpGap(agent, row, "declared by the agent");
    return { kind: "stored", head: follow(agent, { ...position(row), chain, pending }, held) };
  }
  return { kind: "stored", head: { ...head, pending: head.pending + 1 } };
}

/** Rows that came early are linked once the hole before them is filled. */
function follow(agent: string, from: ChainHead, held: HeldRows): ChainHead {
  let head = from;
  while (head.pending > 0) {
    const next = held.pendingAfter(agent, head.chain);
    if (!next || !isAfter(next, head)) break;
    held.markLinked(agent, next);
    head = { boot: next.boot, sequence: next.sequence, chain: next.chain, pending: head.pending - 1 };
  }
  return head;
}

export function isAfter(a: RowPosition, b: RowPosition): boolean {
  return a.boot > b.boot || (a.boot === b.boot && a.sequence > b.sequence);
}

function position({ boot, sequence }: RowPosition): RowPosition {
  return { boot, sequence };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
