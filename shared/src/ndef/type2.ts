import { DecodeError } from "../cbor/decode.js";

/** Bytes of a page: the unit of writing, and of the addresses of pages. */
export const TYPE2_PAGE = 4;
/** Where the capability container lies, and the data area behind it. */
export const TYPE2_CC = 12;
export const TYPE2_DATA = 16;

const TLV = { null: 0x00, lockControl: 0x01, memoryControl: 0x02, ndef: 0x03, terminator: 0xfe } as const;

/**
 * One TLV of the data area, from the address of its type byte to the address behind its value; `length` is the value's.
 */
export interface Type2Tlv {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  readonly end: number;
}

/**
 * Bytes of the data area that hold no data: lock bytes and such, named by control TLVs. Addresses; `end` is exclusive.
 */
export interface ReservedArea {
  readonly start: number;
  readonly end: number;
}

/** A Type 2 tag's memory, read as far as the first NDEF TLV (SPEC 8.3). */
export interface Type2Tag {
  /** Size of the data area in bytes, as the capability container declares it. */
  readonly dataAreaSize: number;
  readonly writable: boolean;
  /** `offset` is the address of the first byte of the message; undefined when the data area holds no NDEF TLV. */
  readonly ndef: { readonly offset: number; readonly length: number; readonly message: Uint8Array } | undefined;
  /** All TLVs up to and including the first NDEF TLV or the terminator. */
  readonly tlvs: readonly Type2Tlv[];
  readonly reserved: readonly ReservedArea[];
}

/** What a scan of a beginning of the memory yields: the tag, or how many bytes from page 0 on are needed at least. */
export type Type2Scan =
  { readonly kind: "complete"; readonly tag: Type2Tag } | { readonly kind: "incomplete"; readonly bytesNeeded: number };

/**
 * Decodes a Type 2 tag's memory from page 0 on (SPEC 8.3). The bytes may end as soon as the first NDEF message, the
 * terminator or the data area has ended. A three-byte length below 255 is accepted, as phones write it; 0xFFFF is
 * refused. Throws DecodeError TYPE2_MALFORMED.
 */
export function decodeType2(bytes: Uint8Array): Type2Tag {
  const scan = scanType2(bytes);
  if (scan.kind === "complete") return scan.tag;
  throw malformed(`the memory ends at byte ${bytes.length}, inside what its TLVs announce`);
}

/** As decodeType2, for a reader that fetches the memory piece by piece: tells what is missing instead of throwing. */
export function scanType2(bytes: Uint8Array): Type2Scan {
  if (bytes.length < TYPE2_DATA) return { kind: "incomplete", bytesNeeded: TYPE2_DATA };
  const cursor = new DataArea(bytes, readCapability(bytes));
  const tag = readTlvs(cursor);
  if (cursor.bytesNeeded > bytes.length) return { kind: "incomplete", bytesNeeded: cursor.bytesNeeded };
  return { kind: "complete", tag };
}

interface Capability {
  readonly dataAreaSize: number;
  readonly writable: boolean;
}

function readCapability(bytes: Uint8Array): Capability {
  const [magic = 0, version = 0, size = 0, access = 0] = bytes.subarray(TYPE2_CC, TYPE2_DATA);
  if (magic !== 0xe1) throw malformed("the capability container does not begin with E1");
  if (version >> 4 !== 1) throw malformed("a mapping version other than 1.x");
  if (size === 0) throw malformed("a data area of size 0");
  if (access >> 4 !== 0) throw malformed("reading is not free");
  return { dataAreaSize: size * 8, writable: (access & 0x0f) === 0 };
}

function readTlvs(area: DataArea): Type2Tag {
  const tlvs: Type2Tlv[] = [];
  const tag = (ndef?: NonNullable<Type2Tag["ndef"]>): Type2Tag => {
    const { dataAreaSize, writable, reserved } = area;
    return { dataAreaSize, writable, ndef, tlvs, reserved };
  };
  while (area.hasMore()) {
    const offset = area.position();
    const type = area.next();
    if (area.starved()) break;
    if (type === TLV.null || type === TLV.terminator) {
      tlvs.push({ type, offset, length: 0, end: offset + 1 });
      if (type === TLV.terminator) break;
      continue;
    }
    const length = readLength(area);
    if (area.starved()) break;
    const start = area.position();
    const value = area.take(length);
    if (area.starved()) break;
    tlvs.push({ type, offset, length, end: area.consumed() });
    if (type === TLV.ndef) return tag({ offset: start, length, message: value });
    if (type === TLV.lockControl || type === TLV.memoryControl) area.reserve(reservedArea(type, value));
  }
  return tag();
}

function readLength(area: DataArea): number {
  const short = area.next();
  if (short !== 0xff) return short;
  const length = area.next() * 256 + area.next();
  if (length === 0xffff) throw malformed("the length FFFF is reserved");
  return length;
}

/** Position of the reserved bytes: page address and byte offset in nibbles; the page size is a power of two. */
function reservedArea(type: number, value: Uint8Array): ReservedArea {
  if (value.length !== 3) throw malformed("a control TLV is 3 bytes long");
  const [position = 0, size = 0, pageControl = 0] = value;
  const start = (position >> 4) * 2 ** (pageControl & 0x0f) + (position & 0x0f);
  const count = size === 0 ? 256 : size;
  return { start, end: start + (type === TLV.lockControl ? Math.ceil(count / 8) : count) };
}

/** Walks the data area, skipping reserved bytes; beyond the bytes at hand it yields zeros and notes what was needed. */
class DataArea {
  readonly dataAreaSize: number;
  readonly writable: boolean;
  readonly reserved: ReservedArea[] = [];
  /** How many bytes from page 0 on were needed so far. */
  bytesNeeded = TYPE2_DATA;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at = TYPE2_DATA;

  constructor(bytes: Uint8Array, capability: Capability) {
    this.#bytes = bytes;
    this.dataAreaSize = capability.dataAreaSize;
    this.writable = capability.writable;
    this.#end = TYPE2_DATA + capability.dataAreaSize;
  }

  reserve(area: ReservedArea): void {
    this.reserved.push(area);
  }

  /** The address of the next byte of data. */
  position(): number {
    this.#at = skipReserved(this.#at, this.reserved);
    return this.#at;
  }

  /** The address behind the last byte taken. */
  consumed(): number {
    return this.#at;
  }

  hasMore(): boolean {
    return this.position() < this.#end;
  }

  starved(): boolean {
    return this.bytesNeeded > this.#bytes.length;
  }

  next(): number {
    const at = this.position();
    if (at >= this.#end) throw malformed("a TLV reaches beyond the data area");
    this.#at = at + 1;
    this.bytesNeeded = Math.max(this.bytesNeeded, at + 1);
    return this.#bytes[at] ?? 0;
  }

  take(length: number): Uint8Array {
    if (length > this.#end - this.#at) throw malformed("a TLV reaches beyond the data area");
    const value = new Uint8Array(length);
    for (let i = 0; i < length; i++) value[i] = this.next();
    return value;
  }
}

/** The first address from `at` on that lies in no reserved area. */
export function skipReserved(at: number, reserved: readonly ReservedArea[]): number {
  let free = at;
  for (;;) {
    const area = reserved.find(({ start, end }) => start <= free && free < end);
    if (!area) return free;
    free = area.end;
  }
}

function malformed(message: string): DecodeError {
  return new DecodeError("TYPE2_MALFORMED", message);
}
