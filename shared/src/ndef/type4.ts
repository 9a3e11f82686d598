import { DecodeError } from "../cbor/decode.js";

/** The NDEF application's identifier and the files of every Type 4 tag. */
export const TYPE4_APPLICATION = Uint8Array.of(0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01);
export const TYPE4_CC_FILE = 0xe103;
/** Bytes of a capability container with one file control TLV: all a reader needs. */
export const TYPE4_CC_LENGTH = 15;

/** A Type 4 tag's capability container (SPEC 8.4). */
export interface Type4Capability {
  /** Most bytes one READ BINARY may ask for (MLe), and one UPDATE BINARY may carry (MLc). */
  readonly maxRead: number;
  readonly maxWrite: number;
  readonly fileId: number;
  /** Size of the NDEF file in bytes; its first two are the length of the message. */
  readonly fileSize: number;
  readonly writable: boolean;
}

/** One UPDATE BINARY of the NDEF file. */
export interface FileWrite {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** READ and UPDATE BINARY address 15 bits; the sixteenth names a short file identifier. */
const LARGEST_FILE = 0x8000;
const RESERVED_FILES = [0x0000, 0x3f00, 0x3fff, 0xe102, 0xe103, 0xffff];

/**
 * Decodes a capability container file (SPEC 8.4); bytes behind the first 15 are not looked at.
 * Throws DecodeError TYPE4_MALFORMED.
 */
export function decodeType4Capability(bytes: Uint8Array): Type4Capability {
  if (bytes.length < TYPE4_CC_LENGTH) throw malformed(`a capability container of ${bytes.length} bytes, 15 needed`);
  const word = (at: number): number => (bytes[at] as number) * 256 + (bytes[at + 1] as number);
  const ccLength = word(0);
  if (ccLength < TYPE4_CC_LENGTH || ccLength === 0xffff)
    throw malformed(`a capability container length of ${ccLength}`);
  const major = (bytes[2] as number) >> 4;
  if (major < 1 || major > 3) throw malformed("a mapping version other than 1.x to 3.x");
  const [maxRead, maxWrite, fileId, fileSize] = [word(3), word(5), word(9), word(11)];
  if (maxRead < 0x0f) throw malformed(`an MLe of ${maxRead}`);
  if (maxWrite < 1) throw malformed("an MLc of 0");
  if (word(7) !== 0x0406) throw malformed("the NDEF file control TLV is not first");
  if (RESERVED_FILES.includes(fileId)) throw malformed(`the reserved file ${fileId.toString(16)} as NDEF file`);
  if (fileSize < 5 || fileSize === 0xffff) throw malformed(`an NDEF file of ${fileSize} bytes`);
  if (bytes[13] !== 0x00) throw malformed("reading is not free");
  return { maxRead, maxWrite, fileId, fileSize, writable: bytes[14] === 0x00 };
}

/** Encodes a capability container of 15 bytes, mapping version 2.0. */
export function encodeType4Capability(capability: Type4Capability): Uint8Array {
  const { maxRead, maxWrite, fileId, fileSize, writable } = capability;
  const words = [maxRead, maxWrite, 0x0406, fileId, fileSize].flatMap((word) => [word >> 8, word & 0xff]);
  return Uint8Array.of(0x00, TYPE4_CC_LENGTH, 0x20, ...words, 0x00, writable ? 0x00 : 0xff);
}

/**
 * Reads the length of the message from the beginning of the NDEF file; 0 means no message (SPEC 8.4).
 * Throws DecodeError TYPE4_MALFORMED when it does not fit the file.
 */
export function decodeType4Length(bytes: Uint8Array, fileSize: number): number {
  const [high, low] = bytes;
  if (high === undefined || low === undefined) throw malformed("an NDEF file without its length");
  const length = high * 256 + low;
  if (length > fileSize - 2) throw malformed(`a message of ${length} bytes in a file of ${fileSize}`);
  return length;
}

/**
 * Decodes an NDEF file, whole or as far as the message reaches, into the message. Throws DecodeError TYPE4_MALFORMED.
 */
export function decodeType4File(bytes: Uint8Array): Uint8Array {
  return bytes.slice(2, 2 + decodeType4Length(bytes, bytes.length));
}

/** Encodes the NDEF file of a message. Throws a RangeError beyond 65,534 bytes. */
export function encodeType4File(message: Uint8Array): Uint8Array {
  const { length } = message;
  if (length > 0xfffe) throw new RangeError(`a Type 4 file holds at most 65534 bytes, the message has ${length}`);
  const file = new Uint8Array(2 + length);
  file.set([length >> 8, length & 0xff]);
  file.set(message, 2);
  return file;
}

/**
 * Plans the writes for `message`: length 0, the content, the length. Lifted at any instant, the tag holds the old
 * message, none, or the new one. Throws a RangeError when the message does not fit, saying both sizes.
 */
export function planType4Write(capability: Type4Capability, message: Uint8Array): readonly FileWrite[] {
  const room = Math.min(capability.fileSize, LARGEST_FILE) - 2;
  if (message.length > room) throw new RangeError(`the card holds ${room} bytes, the message has ${message.length}`);
  const file = encodeType4File(message);
  const step = Math.min(capability.maxWrite, 255);
  if (step < 2) throw new RangeError("the card takes one byte at a time: its length cannot be switched in one write");
  const writes: FileWrite[] = [{ offset: 0, data: Uint8Array.of(0, 0) }];
  for (let at = 2; at < file.length; at += step) writes.push({ offset: at, data: file.slice(at, at + step) });
  writes.push({ offset: 0, data: file.slice(0, 2) });
  return writes;
}

function malformed(message: string): DecodeError {
  return new DecodeError("TYPE4_MALFORMED", message);
}
