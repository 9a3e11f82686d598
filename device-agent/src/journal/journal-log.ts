import { readFileSync } from "node:fs";

/**
 * Looks at SQLite's write-ahead log before SQLite does: from the first frame on whose checksum does not hold SQLite drops
 * everything without a word, and with it commits that were acknowledged (SAFETY R20). Form: sqlite.org/walformat.html.
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
  for (; sum && whole < frames; whole++) {
    const next = sumOfFrame(view, offsetOf(whole), pageSize, { littleEndian: header?.littleEndian ?? true, sum });
    if (distance(view, offsetOf(whole) + 8, salts) > 0 || !isSum(view, offsetOf(whole) + 16, next)) break;
    sum = next;
  }
  const behind = Array.from({ length: frames - whole }, (_, at) => whole + at).filter(isCurrent);
  const last = behind.at(-1);
  if (last === undefined) return undefined;
  const commits = behind.filter((frame) => view.getUint32(offsetOf(frame) + 4) !== 0).length;
  // Frames that were never written stand before others of the same commit: the power went, and nobody was told it is done.
  const isCutOff = header !== undefined && behind.length < last + 1 - whole && commits <= 1;
  return isCutOff ? undefined : `the log is damaged from frame ${whole + 1} of ${last + 1} on`;
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

/** In how many bits the two words there differ from these. */
function distance(view: DataView, at: number, words: readonly [number, number]): number {
  const ones = (word: number) => (word >>> 0).toString(2).replaceAll("0", "").length;
  return ones(view.getUint32(at) ^ words[0]) + ones(view.getUint32(at + 4) ^ words[1]);
}
