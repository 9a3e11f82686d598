import { DecodeError } from "../cbor/decode.js";
import { concatBytes } from "../cbor/value.js";

/** Type name format: 0 empty, 1 well-known, 2 MIME, 3 absolute URI, 4 external, 5 unknown. */
export type Tnf = 0 | 1 | 2 | 3 | 4 | 5;

/** One record of an NDEF message (SPEC 8.1). `id` is empty when the record has none. */
export interface NdefRecord {
  readonly tnf: Tnf;
  readonly type: Uint8Array;
  readonly id: Uint8Array;
  readonly payload: Uint8Array;
}

const MESSAGE_BEGIN = 0x80;
const MESSAGE_END = 0x40;
const CHUNK = 0x20;
const SHORT = 0x10;
const HAS_ID = 0x08;

/**
 * Decodes one whole NDEF message (SPEC 8.1): at least one record, the begin flag on the first only, the end flag on the
 * last only, nothing behind it. Chunked records are refused: no writer of badges makes them. Arrays are copies.
 * Throws DecodeError NDEF_MALFORMED, or NDEF_TOO_LARGE beyond `maxBytes`.
 */
export function decodeNdefMessage(bytes: Uint8Array, maxBytes = 65_535): readonly NdefRecord[] {
  if (bytes.length > maxBytes) throw new DecodeError("NDEF_TOO_LARGE", `an NDEF message longer than ${maxBytes} bytes`);
  const records: NdefRecord[] = [];
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw malformed("the message ends inside a record");
    at += length;
    return bytes.slice(at - length, at);
  };
  for (;;) {
    const [flags = 0, typeLength = 0] = take(2);
    if (flags & CHUNK) throw malformed("chunked records are not used");
    if (((flags & MESSAGE_BEGIN) !== 0) !== (records.length === 0)) throw malformed("the begin flag is misplaced");
    const payloadLength = readNumber(take(flags & SHORT ? 1 : 4));
    const [idLength = 0] = flags & HAS_ID ? take(1) : [];
    const tnf = flags & 0x07;
    checkShape(tnf, typeLength, idLength, payloadLength);
    records.push({ tnf: tnf as Tnf, type: take(typeLength), id: take(idLength), payload: take(payloadLength) });
    if (flags & MESSAGE_END) break;
  }
  if (at !== bytes.length) throw malformed("bytes follow the last record");
  return records;
}

/**
 * Encodes records as one NDEF message, each in its shortest form. Throws a RangeError for what no message can carry.
 */
export function encodeNdefMessage(records: readonly NdefRecord[]): Uint8Array {
  if (records.length === 0) throw new RangeError("an NDEF message has at least one record");
  return concatBytes(
    ...records.map((record, index) => encodeRecord(record, index === 0, index === records.length - 1)),
  );
}

function encodeRecord({ tnf, type, id, payload }: NdefRecord, first: boolean, last: boolean): Uint8Array {
  if (type.length > 255 || id.length > 255) throw new RangeError("type and id of a record hold at most 255 bytes");
  try {
    checkShape(tnf, type.length, id.length, payload.length);
  } catch (cause) {
    throw new RangeError("the record does not fit its type name format", { cause });
  }
  const short = payload.length <= 255;
  const flags =
    (first ? MESSAGE_BEGIN : 0) | (last ? MESSAGE_END : 0) | (short ? SHORT : 0) | (id.length > 0 ? HAS_ID : 0) | tnf;
  const { length } = payload;
  return concatBytes(
    Uint8Array.of(flags, type.length),
    short ? Uint8Array.of(length) : Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length),
    id.length > 0 ? Uint8Array.of(id.length) : new Uint8Array(0),
    type,
    id,
    payload,
  );
}

/** What a type name format demands of the lengths (NDEF 1.0, section 3.2.6). */
function checkShape(tnf: number, typeLength: number, idLength: number, payloadLength: number): void {
  if (tnf > 5) throw malformed("type name formats 6 (unchanged) and 7 (reserved) are not used");
  if (tnf === 0 && typeLength + idLength + payloadLength > 0) throw malformed("an empty record carries bytes");
  if (tnf === 5 && typeLength > 0) throw malformed("a record of unknown type names a type");
  if (tnf >= 1 && tnf <= 4 && typeLength === 0) throw malformed("a record lacks its type");
}

function readNumber(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function malformed(message: string): DecodeError {
  return new DecodeError("NDEF_MALFORMED", message);
}
