/**
 * Finds the journal's own records in raw bytes, without SQLite's pages: when a page's head, an interior page or the
 * schema has rotted, the rows beside it are still there. Nothing found is believed: rows prove themselves by their
 * chain, the state by its digest. Records that spill over their page are left to SQLite.
 */
export type RawColumn = number | string | Uint8Array | null;

/** SQLite's serial type of a blob of 32 bytes: every record we look for has one. */
const HASH = 12 + 2 * 32;
const SALT = 12 + 2 * 16;
const MOST_HEADER = 24;

/** Columns of everything that has the form of a row (7 columns) or of the state (12, the first of them NULL). */
export function* scanRecords(bytes: Uint8Array): Generator<readonly RawColumn[]> {
  const seen = new Set<number>();
  for (let at = bytes.indexOf(HASH); at >= 0; at = bytes.indexOf(HASH, at + 1)) {
    // Both forms have their first hash behind two columns of one byte each; behind its length the header begins.
    const begin = at - 3;
    if (begin < 0 || seen.has(begin)) continue;
    const types = readHeader(bytes, begin);
    if (!types || !(isRow(types) || isState(types))) continue;
    const columns = readColumns(bytes, begin + (bytes[begin] as number), types);
    if (!columns) continue;
    seen.add(begin);
    yield columns;
  }
}

const isInteger = (type: number | undefined): boolean => type !== undefined && type >= 1 && type <= 9 && type !== 7;
const isBlob = (type: number | undefined): boolean => type !== undefined && type >= 12 && type % 2 === 0;

function isRow([boot, sequence, previous, salt, body, chain, gap, ...rest]: readonly number[]): boolean {
  const numbers = isInteger(boot) && isInteger(sequence) && isInteger(gap);
  return numbers && previous === HASH && salt === SALT && isBlob(body) && chain === HASH && rest.length === 0;
}

function isState(types: readonly number[]): boolean {
  return types.length === 12 && types[0] === 0 && types.at(-1) === HASH;
}

/** The serial types of a record's header, if what stands there can be one. */
function readHeader(bytes: Uint8Array, begin: number): readonly number[] | undefined {
  const length = bytes[begin] as number;
  if (length < 8 || length > MOST_HEADER || begin + length > bytes.length) return undefined;
  const types: number[] = [];
  let at = begin + 1;
  while (at < begin + length) {
    let value = 0;
    for (let count = 0; ; count++, at++) {
      if (count === 3 || at >= begin + length) return undefined;
      const byte = bytes[at] as number;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) break;
    }
    at += 1;
    types.push(value);
  }
  return types;
}

function readColumns(bytes: Uint8Array, begin: number, types: readonly number[]): readonly RawColumn[] | undefined {
  const columns: RawColumn[] = [];
  let at = begin;
  for (const type of types) {
    const length = lengthOf(type);
    if (length === undefined || at + length > bytes.length) return undefined;
    const content = bytes.subarray(at, at + length);
    at += length;
    if (type === 0) columns.push(null);
    else if (type <= 6) columns.push(integerOf(content));
    else if (type <= 9) columns.push(type - 8);
    else columns.push(type % 2 === 0 ? new Uint8Array(content) : Buffer.from(content).toString("utf8"));
  }
  return columns;
}

/** Bytes of a value of that serial type; undefined for what no record of ours holds. */
function lengthOf(type: number): number | undefined {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, undefined, 0, 0][type];
}

/** Big-endian, two's complement; NaN beyond what a number holds, which no check accepts. */
function integerOf(content: Uint8Array): number {
  let value = 0n;
  for (const byte of content) value = value * 256n + BigInt(byte);
  const signed = BigInt.asIntN(8 * content.length, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : Number.NaN;
}
