import { Decoder, Tag } from "cbor-x";
import type { DecodeCode } from "../codes.js";
import { encodeDeterministic } from "./encode.js";
import { type CborValue, Tagged, compareBytes, sameBytes } from "./value.js";

/** What strict decoding throws: `code` is one of SPEC 9's decoding codes. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  constructor(
    readonly code: DecodeCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Bounds of one decode (SAFETY R21). */
export interface DecodeLimits {
  /** Longest input in bytes; 262,144 unless told. */
  readonly maxBytes?: number;
  /** Deepest nesting of arrays, maps and tags; 8 unless told. */
  readonly maxDepth?: number;
  /** Most data items in all, keys included; 65,536 unless told. */
  readonly maxItems?: number;
  /** Tags that may occur; 18 (COSE_Sign1) and 98 (COSE_Sign) unless told. */
  readonly tags?: readonly number[];
  /** "any" accepts maps whose keys are not sorted: third-party formats that ask for no determinism (SPEC 4.4). */
  readonly keyOrder?: "sorted" | "any";
}

const DEFAULT_TAGS = [18, 98] as const;
const decoder = new Decoder({ useRecords: false, mapsAsObjects: false, tagUint8Array: false });
const fatalUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes exactly one deterministically encoded item (SPEC 1.2): pre-scan within limits, decode, encode again, compare.
 * Maps become Map, byte strings Uint8Array (copies), tags Tagged, integers number or, beyond 2^53, bigint.
 * Throws DecodeError.
 */
export function decodeStrict(bytes: Uint8Array, limits: DecodeLimits = {}): CborValue {
  prescan(bytes, limits);
  let value: CborValue;
  try {
    // A copy: cbor-x hangs a property of its own on the array it reads.
    value = adopt(decoder.decode(new Uint8Array(bytes)));
  } catch (cause) {
    throw new DecodeError("CBOR_MALFORMED", "the decoder refused the bytes", { cause });
  }
  if (limits.keyOrder !== "any" && !sameBytes(encodeDeterministic(value), bytes)) {
    throw new DecodeError("CBOR_NOT_DETERMINISTIC", "the bytes are not the deterministic encoding of their value");
  }
  return value;
}

/** Turns cbor-x's values into the profile's. */
function adopt(value: unknown): CborValue {
  if (typeof value === "bigint") {
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(adopt);
  if (value instanceof Tag) return new Tagged(value.tag, adopt(value.value));
  if (value instanceof Map) {
    const map = new Map<CborValue, CborValue>();
    for (const [key, entry] of value) map.set(adopt(key), adopt(entry));
    return map;
  }
  return value as CborValue;
}

interface Scan {
  readonly bytes: Uint8Array;
  readonly maxDepth: number;
  readonly tags: readonly number[];
  readonly sorted: boolean;
  itemsLeft: number;
  at: number;
}

/** Walks the bytes once without building anything; throws DecodeError at the first thing the profile does not carry. */
function prescan(bytes: Uint8Array, limits: DecodeLimits): void {
  const maxBytes = limits.maxBytes ?? 262_144;
  if (bytes.length > maxBytes) throw new DecodeError("CBOR_TOO_LARGE", `longer than ${maxBytes} bytes`);
  const scan: Scan = {
    bytes,
    maxDepth: limits.maxDepth ?? 8,
    tags: limits.tags ?? DEFAULT_TAGS,
    sorted: limits.keyOrder !== "any",
    itemsLeft: limits.maxItems ?? 65_536,
    at: 0,
  };
  scanItem(scan, 0);
  if (scan.at !== bytes.length) throw new DecodeError("CBOR_TRAILING_BYTES", "bytes follow the item");
}

function scanItem(scan: Scan, depth: number): void {
  if (--scan.itemsLeft < 0) throw new DecodeError("CBOR_TOO_LARGE", "too many items");
  const initial = byteAt(scan);
  const major = initial >> 5;
  if (major === 7) return scanSimple(initial);
  const argument = scanArgument(scan, initial & 31);
  switch (major) {
    case 0:
    case 1:
      return;
    case 2:
      take(scan, argument);
      return;
    case 3: {
      const text = take(scan, argument);
      try {
        fatalUtf8.decode(text);
      } catch (cause) {
        throw new DecodeError("CBOR_TEXT_INVALID", "a text is not valid UTF-8", { cause });
      }
      return;
    }
    case 4:
      enter(scan, depth, argument, 1);
      for (let i = 0; i < argument; i++) scanItem(scan, depth + 1);
      return;
    case 5:
      enter(scan, depth, argument, 2);
      return scanMap(scan, depth, Number(argument));
    default:
      if (!scan.tags.includes(Number(argument))) {
        throw new DecodeError("CBOR_TAG_UNEXPECTED", `tag ${argument} is not expected`);
      }
      enter(scan, depth, 1, 1);
      return scanItem(scan, depth + 1);
  }
}

function scanMap(scan: Scan, depth: number, pairs: number): void {
  let previous: Uint8Array | undefined;
  const seen = scan.sorted ? undefined : new Set<string>();
  for (let i = 0; i < pairs; i++) {
    const start = scan.at;
    const keyMajor = (scan.bytes[start] ?? 0) >> 5;
    scanItem(scan, depth + 1);
    if (keyMajor > 3) throw new DecodeError("CBOR_KEY_INVALID", "map keys are integers, texts or byte strings");
    const key = scan.bytes.subarray(start, scan.at);
    if (seen) {
      const name = key.join();
      if (seen.has(name)) throw new DecodeError("CBOR_KEY_DUPLICATE", "a map key occurs twice");
      seen.add(name);
    } else if (previous) {
      const order = compareBytes(previous, key);
      if (order === 0) throw new DecodeError("CBOR_KEY_DUPLICATE", "a map key occurs twice");
      if (order > 0) throw new DecodeError("CBOR_NOT_DETERMINISTIC", "map keys are not sorted");
    }
    previous = key;
    scanItem(scan, depth + 1);
  }
}

function scanSimple(initial: number): void {
  if (initial >= 0xf4 && initial <= 0xf6) return;
  if (initial >= 0xf9 && initial <= 0xfb) throw new DecodeError("CBOR_FLOAT", "floating-point numbers are not used");
  if (initial === 0xff) throw new DecodeError("CBOR_INDEFINITE", "a break without an indefinite length");
  throw new DecodeError("CBOR_SIMPLE_UNEXPECTED", "only false, true and null are used");
}

/** Reads the argument of a head; refuses lengths that are longer than they need be. */
function scanArgument(scan: Scan, info: number): number | bigint {
  if (info < 24) return info;
  if (info === 31) throw new DecodeError("CBOR_INDEFINITE", "indefinite lengths are not used");
  if (info > 27) throw new DecodeError("CBOR_MALFORMED", "a reserved head");
  const width = 1 << (info - 24);
  let argument: number | bigint = 0;
  if (width === 8) {
    argument = 0n;
    for (let i = 0; i < 8; i++) argument = (argument << 8n) | BigInt(byteAt(scan));
    if (argument <= 0xffff_ffffn)
      throw new DecodeError("CBOR_NOT_DETERMINISTIC", "a number takes more bytes than it needs");
    return argument;
  }
  for (let i = 0; i < width; i++) argument = argument * 256 + byteAt(scan);
  const least = width === 1 ? 24 : width === 2 ? 0x100 : 0x1_0000;
  if (argument < least) throw new DecodeError("CBOR_NOT_DETERMINISTIC", "a number takes more bytes than it needs");
  return argument;
}

function enter(scan: Scan, depth: number, items: number | bigint, perItem: number): void {
  if (depth + 1 > scan.maxDepth) throw new DecodeError("CBOR_TOO_DEEP", `nested deeper than ${scan.maxDepth}`);
  if (items > scan.itemsLeft) throw new DecodeError("CBOR_TOO_LARGE", "too many items");
  if (Number(items) * perItem > scan.bytes.length - scan.at) {
    throw new DecodeError("CBOR_TRUNCATED", "more items announced than bytes left");
  }
}

function take(scan: Scan, length: number | bigint): Uint8Array {
  if (length > scan.bytes.length - scan.at) throw new DecodeError("CBOR_TRUNCATED", "the bytes end inside an item");
  const start = scan.at;
  scan.at += Number(length);
  return scan.bytes.subarray(start, scan.at);
}

function byteAt(scan: Scan): number {
  const byte = scan.bytes[scan.at];
  if (byte === undefined) throw new DecodeError("CBOR_TRUNCATED", "the bytes end inside an item");
  scan.at++;
  return byte;
}
