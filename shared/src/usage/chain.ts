import { sha256 } from "#crypto";
import { encodeDeterministic } from "../cbor/encode.js";
import { concatBytes } from "../cbor/value.js";

// The journal's thread loads this module alone (`@badgekey/shared/chain`): everything else would cost it memory.
export { sameBytes } from "../cbor/value.js";

const utf8 = new TextEncoder();

/** Where a row stands: sequence starts at 1 in every boot, boot numbers only rise (SPEC 6.1). */
export interface RowPosition {
  readonly boot: number;
  readonly sequence: number;
}

/**
 * One journal row as it travels: body is an encoded usage record, salt 16 random bytes, previous the chain before it.
 */
export interface UsageRow extends RowPosition {
  readonly previous: Uint8Array;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
}

/** The chain's value before the first row of an agent's life (SPEC 6.2). `site` is 32 bytes. */
export function chainStart(site: Uint8Array, agent: string): Uint8Array {
  return sha256(concatBytes(utf8.encode("badgekey chain 1"), site, utf8.encode(agent)));
}

/** What stands for a row once salt and body are erased: SHA-256(salt || body). */
export function rowCommitment(row: Pick<UsageRow, "salt" | "body">): Uint8Array {
  return sha256(concatBytes(row.salt, row.body));
}

/**
 * The chain after a row: SHA-256(previous || deterministic [boot, sequence] || commitment), all of fixed order (SPEC
 * 6.2).
 */
export function chainAfter(row: RowPosition & { readonly previous: Uint8Array }, commitment: Uint8Array): Uint8Array {
  return sha256(concatBytes(row.previous, encodeDeterministic([row.boot, row.sequence]), commitment));
}
