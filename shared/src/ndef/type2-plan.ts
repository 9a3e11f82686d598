import { concatBytes } from "../cbor/value.js";
import { type ReservedArea, TYPE2_DATA, TYPE2_PAGE, type Type2Tag, skipReserved } from "./type2.js";

/** One write of a whole page. */
export interface PageWrite {
  readonly page: number;
  /** 4 bytes. */
  readonly data: Uint8Array;
}

/**
 * How to put a new message on a Type 2 tag, in this order: `clear` leaves an empty NDEF TLV, `content` writes what lies
 * in the pages behind, `commit` sets the length. Lifted at any instant, the tag holds the old message, none, or the new
 * one.
 */
export interface Type2WritePlan {
  readonly clear: PageWrite;
  readonly content: readonly PageWrite[];
  readonly commit: PageWrite;
}

const CONTROL_TLVS = [0x01, 0x02];
const TERMINATOR = Uint8Array.of(0xfe);

/**
 * Plans the page writes for `message` (SPEC 8.3). Leading lock and memory control TLVs stay, everything behind them
 * goes. `memory` is the tag's memory from page 0 on, as far as `tag` was scanned from it; the whole data area where
 * reserved bytes lie inside it, since those share pages with data and keep their values. Throws a RangeError when the
 * message does not fit, saying both sizes.
 */
export function planType2Write(memory: Uint8Array, tag: Type2Tag, message: Uint8Array): Type2WritePlan {
  const { reserved } = tag;
  const origin = skipReserved(endOfControlTlvs(tag), reserved);
  const header = headerAddress(origin, reserved);
  const end = TYPE2_DATA + tag.dataAreaSize;
  const { length } = message;
  const tlv = concatBytes(tlvHeader(length), message, TERMINATOR);
  const image = layOut(header, tlv, reserved);
  const addresses = [...image.keys()];
  if ((addresses[tlv.length - 2] as number) >= end) {
    throw new RangeError(`the card holds ${roomFor(header, end, reserved)} bytes, the message has ${length}`);
  }
  // A terminator is written where there is room for one; a data area filled to its end has none.
  if ((addresses[tlv.length - 1] as number) >= end) image.delete(addresses[tlv.length - 1] as number);
  for (const address of layOut(origin, new Uint8Array(header - origin), reserved).keys()) {
    if (address < header) image.set(address, 0x00);
  }

  // The one page whose write switches: from a length of 0 to the length, or, before padding, from a terminator to a
  // null.
  const off = header === origin ? layOut(header, Uint8Array.of(0x03, 0x00, 0xfe), reserved) : new Map([[origin, 0xfe]]);
  const first = pageAt(origin);
  const pages = [...new Set([...image.keys()].map(pageAt))].sort((a, b) => a - b);
  return {
    clear: pageOf(new Map([...image, ...off]), memory, first),
    content: pages.filter((page) => page !== first).map((page) => pageOf(image, memory, page)),
    commit: pageOf(image, memory, first),
  };
}

function tlvHeader(length: number): Uint8Array {
  return length < 255 ? Uint8Array.of(0x03, length) : Uint8Array.of(0x03, 0xff, length >> 8, length & 0xff);
}

/** The address behind the last of the control TLVs that stand before anything else. */
function endOfControlTlvs(tag: Type2Tag): number {
  let start = TYPE2_DATA;
  for (const { type, end } of tag.tlvs) {
    if (CONTROL_TLVS.includes(type)) start = end;
    else if (type !== 0x00) break;
  }
  return start;
}

/** Where the TLV begins: type and length must share a page, or no single write could switch the message on. */
function headerAddress(origin: number, reserved: readonly ReservedArea[]): number {
  let at = origin;
  while (pageAt(skipReserved(at + 1, reserved)) !== pageAt(at)) at = skipReserved(at + 1, reserved);
  return at;
}

/** Address by address where the bytes go, in order. */
function layOut(start: number, bytes: Uint8Array, reserved: readonly ReservedArea[]): Map<number, number> {
  const image = new Map<number, number>();
  let at = start;
  for (const byte of bytes) {
    at = skipReserved(at, reserved);
    image.set(at++, byte);
  }
  return image;
}

/** A page as it shall be: bytes outside the image keep what the memory holds. */
function pageOf(image: ReadonlyMap<number, number>, memory: Uint8Array, page: number): PageWrite {
  const data = Uint8Array.from({ length: TYPE2_PAGE }, (_, i) => {
    const address = page * TYPE2_PAGE + i;
    return image.get(address) ?? memory[address] ?? 0;
  });
  return { page, data };
}

function pageAt(address: number): number {
  return Math.floor(address / TYPE2_PAGE);
}

/** The longest message that fits from `header` on. */
function roomFor(header: number, end: number, reserved: readonly ReservedArea[]): number {
  let free = 0;
  for (let at = header; at < end; at++) if (skipReserved(at, reserved) === at) free++;
  return Math.max(0, free - 2 < 255 ? free - 2 : free - 4);
}
