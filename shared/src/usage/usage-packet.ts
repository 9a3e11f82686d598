import { DecodeError, decodeStrict } from "../cbor/decode.js";
import { encodeDeterministic } from "../cbor/encode.js";
import { FieldError, arrayIn, bytesIn, uintIn } from "../cbor/fields.js";
import type { UsageRow } from "./chain.js";

const MOST_ROWS = 32;
const MOST_BYTES = 65_000;

/** What an agent publishes on its usage topic (SPEC 6.2): 1 to 32 rows, each [boot, sequence, previous, salt, body]. */
export function encodeUsagePacket(rows: readonly UsageRow[]): Uint8Array {
  if (rows.length === 0 || rows.length > MOST_ROWS) throw new RangeError(`a packet holds 1 to ${MOST_ROWS} rows`);
  return encodeDeterministic(rows.map((row) => [row.boot, row.sequence, row.previous, row.salt, row.body]));
}

/** Throws DecodeError; bodies stay encoded. */
export function decodeUsagePacket(bytes: Uint8Array): readonly UsageRow[] {
  const value = decodeStrict(bytes, { tags: [], maxBytes: MOST_BYTES, maxItems: 1 + MOST_ROWS * 6 });
  try {
    const rows = arrayIn(value, MOST_ROWS);
    if (rows.length === 0) throw new FieldError("no rows");
    return rows.map((item) => {
      const parts = arrayIn(item, 5);
      if (parts.length !== 5) throw new FieldError("a row has five parts");
      return {
        boot: uintIn(parts[0], 0xffff_ffff, 1),
        sequence: uintIn(parts[1], Number.MAX_SAFE_INTEGER, 1),
        previous: bytesIn(parts[2], 32),
        salt: bytesIn(parts[3], 16),
        body: bytesIn(parts[4], 1, 4_096),
      };
    });
  } catch (cause) {
    if (cause instanceof FieldError) throw new DecodeError("USAGE_MALFORMED", cause.message, { cause });
    throw cause;
  }
}
