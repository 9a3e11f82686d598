import { readFileSync } from "node:fs";

/**
 * Looks at SQLite's write-ahead log before SQLite does: from the first frame on whose checksum does not hold SQLite
 * drops everything without a word, and with it commits that were acknowledged (SAFETY R20). Form:
 * sqlite.org/walformat.html.
 */

const HEADER = 32;
const FRAME_HEADER = 24;
const LITTLE_ENDIAN = 0x377f0682;
const BIG_ENDIAN = 0x377f0683;
/** Salts of another generation differ in about 32 of 64 bits; those of this one in as many as have rotted. */
const MOST_ROTTEN_BITS = 8;

/** Why commits in the log may be lost; undefined where it is whole, or ends in a commit that the power cut off. */
export function findLogDamage(path: string): string | undefined {
  const log = readLog(path);
  if (!log || log.length < HEADER + FRAME_HEADER) return undefined;
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const header = readHeader(view);
  const pageSize = header?.pageSize ?? 4096;
  const salts = header?.salts ?? ([view.getUint32(HEADER + 8), view.getUint32(HEADER + 12)] as const);
  if (!header && salts[0] === 0 && salts[1] === 0) return undefined;
  const frames = Math.floor((log.length - HEADER) / (FRAME_HEADER + pageSize));
  const offsetOf = (frame: number) => HEADER + frame * (FRAME_HEADER + pageSize);
  const isCurrent = (frame: number) => distance(view, offsetOf(frame) + 8, salts) <= MOST_ROTTEN_BITS;

  let whole = 0;
  let sum = header?.sum;
  let isRotten = header === undefined;
  for (; header && sum && whole < frames; whole++) {
    const at = offsetOf(whole);
    const next = sumOfFrame(view, at, pageSize, { littleEndian: header.littleEndian, sum });
    const saltsDiffer = distance(view, at + 8, salts) > 0;
    if (saltsDiffer || !isSum(view, at + 16, next)) {
      isRotten = isOneBitOff(view, at + 16, next, pageSize) && isCurrent(whole);
      break;
    }
    sum = next;
  }
  const behind = Array.from({ length: frames - whole }, (_, at) => whole + at).filter(isCurrent);
  const last = behind.at(-1);
  if (last === undefined) return undefined;
  const commits = behind.filter((frame) => view.getUint32(offsetOf(frame) + 4) !== 0).length;
  // At most one commit was under way when the power went: what is not there of it, or in pieces, nobody was told is
  // done.
  return isRotten || commits > 1 ? `the log is damaged from frame ${whole + 1} of ${last + 1} on` : undefined;
}

/** The log's bytes; undefined where there is none. */
export function readLog(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(`${path}-wal`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

type Sum = readonly [number, number];

function readHeader(view: DataView) {
  const magic = view.getUint32(0);
  if (magic !== LITTLE_ENDIAN && magic !== BIG_ENDIAN) return undefined;
  const littleEndian = magic === LITTLE_ENDIAN;
  const sum = addWords(view, 0, 24, { littleEndian, sum: [0, 0] });
  if (!isSum(view, 24, sum)) return undefined;
  return {
    littleEndian,
    sum,
    pageSize: view.getUint32(8),
    salts: [view.getUint32(16), view.getUint32(20)] as const,
  };
}

interface Summing {
  readonly littleEndian: boolean;
  readonly sum: Sum;
}

function sumOfFrame(view: DataView, at: number, pageSize: number, from: Summing): Sum {
  const sum = addWords(view, at, 8, from);
  return addWords(view, at + FRAME_HEADER, pageSize, { ...from, sum });
}

function addWords(view: DataView, at: number, length: number, { littleEndian, sum: [a, b] }: Summing): Sum {
  for (let i = at; i < at + length; i += 8) {
    a = (a + view.getUint32(i, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(i + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}

function isSum(view: DataView, at: number, [a, b]: Sum): boolean {
  return view.getUint32(at) === a && view.getUint32(at + 4) === b;
}

/**
 * Whether the sum there would hold if one bit, of the frame or of the sum itself, were the other: rot, and no torn
 * write.
 */
function isOneBitOff(view: DataView, at: number, [a, b]: Sum, pageSize: number): boolean {
  const [da, db] = [view.getUint32(at) - a, view.getUint32(at + 4) - b].map((delta) => delta >>> 0) as [number, number];
  // The sum holds, or is off by a bit itself: then the bit stands in the salts or in the sum.
  if (distance(view, at, [a, b]) <= 1) return true;
  // What adding 1 to a pair's first word (p, q) or to its second (r, s) adds to the sum; from the last pair backwards.
  let [p, q, r, s] = [1, 1, 0, 1];
  for (let pair = 0; pair < (pageSize + 8) / 8; pair++) {
    for (let bit = 0; bit < 32; bit++) {
      for (const delta of [1 << bit, -(1 << bit)]) {
        if (Math.imul(p, delta) >>> 0 === da && Math.imul(q, delta) >>> 0 === db) return true;
        if (Math.imul(r, delta) >>> 0 === da && Math.imul(s, delta) >>> 0 === db) return true;
      }
    }
    [p, q] = [(p + q) >>> 0, (p + 2 * q) >>> 0];
    [r, s] = [(r + s) >>> 0, (r + 2 * s) >>> 0];
  }
  return false;
}

/** In how many bits the two words there differ from these. */
function distance(view: DataView, at: number, words: readonly [number, number]): number {
  const ones = (word: number) => (word >>> 0).toString(2).replaceAll("0", "").length;
  return ones(view.getUint32(at) ^ words[0]) + ones(view.getUint32(at + 4) ^ words[1]);
}
