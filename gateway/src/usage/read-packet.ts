import { type UsageRow, decodeUsagePacket } from "@badgekey/shared";

const MOST_ROWS = 32;
const MOST_BYTES = 65_000;
const MOST_BODY = 4_096;
const MOST_BOOT = 0xffff_ffff;

/**
 * The rows of a usage packet, as `decodeUsagePacket` reads them, for a tenth of its price: the one fixed shape of SPEC
 * 6.2 is walked directly, every head in its shortest form. The parts are views into `bytes`. Throws DecodeError.
 */
export function readUsagePacket(bytes: Uint8Array): readonly UsageRow[] {
  // What does not fit is left to the strict decoder, which knows the code for it.
  return walk(bytes) ?? decodeUsagePacket(bytes);
}

function walk(bytes: Uint8Array): UsageRow[] | undefined {
  if (bytes.length > MOST_BYTES) return undefined;
  const reader = new Reader(bytes);
  const count = reader.head(4);
  if (count < 1 || count > MOST_ROWS) return undefined;
  const rows: UsageRow[] = [];
  for (let index = 0; index < count; index++) {
    if (reader.head(4) !== 5) return undefined;
    const boot = reader.head(0);
    const sequence = reader.head(0);
    const previous = reader.part(32, 32);
    const salt = reader.part(16, 16);
    const body = reader.part(1, MOST_BODY);
    if (!previous || !salt || !body || boot < 1 || boot > MOST_BOOT || sequence < 1) return undefined;
    rows.push({ boot, sequence, previous, salt, body });
  }
  return reader.at === bytes.length ? rows : undefined;
}

class Reader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** The argument of an item of this major type; -1 where it is another, longer than need be, or cut off. */
  head(major: number): number {
    const { bytes } = this;
    const initial = bytes[this.at++];
    if (initial === undefined || initial >> 5 !== major) return -1;
    const short = initial & 31;
    if (short < 24) return short;
    if (short > 27) return -1;
    const width = 1 << (short - 24);
    if (this.at + width > bytes.length) return -1;
    let argument = 0;
    for (let left = width; left > 0; left--) argument = argument * 256 + (bytes[this.at++] ?? 0);
    const least = short === 24 ? 24 : 256 ** (width / 2);
    return argument >= least && argument <= Number.MAX_SAFE_INTEGER ? argument : -1;
  }

  /** A byte string of so many bytes. */
  part(least: number, most: number): Uint8Array | undefined {
    const length = this.head(2);
    const from = this.at;
    this.at += length;
    if (length < least || length > most || this.at > this.bytes.length) return undefined;
    return this.bytes.subarray(from, this.at);
  }
}
