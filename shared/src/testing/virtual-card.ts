/**
 * A card as a PC/SC reader shows it: an answer-to-reset and a machine that turns command APDUs into answers. It answers
 * GET DATA for the UID as the reader would. Holds state between APDUs: one object serves one reader at a time.
 */
export interface VirtualCard {
  readonly atr: Uint8Array;
  readonly uid: Uint8Array;
  /** What losing the field does: selections are forgotten, memory stays. */
  reset(): void;
  /** Answers with data and status word; never throws. */
  apdu(command: Uint8Array): Uint8Array;
  /** A copy of all that can be written, so that it can be put on another card. */
  snapshot(): Uint8Array;
  /** Puts a snapshot of a card of the same kind here; the UID stays. Throws a RangeError when its size does not fit. */
  restore(snapshot: Uint8Array): void;
}

/** Status words that the virtual cards answer. */
export const statusWords = {
  ok: 0x9000,
  endOfFile: 0x6282,
  failed: 0x6300,
  wrongLength: 0x6700,
  notAllowed: 0x6982,
  noFileSelected: 0x6986,
  functionUnsupported: 0x6a81,
  fileNotFound: 0x6a82,
  wrongParameters: 0x6a86,
  wrongOffset: 0x6b00,
  unknownInstruction: 0x6d00,
  unknownClass: 0x6e00,
} as const;

/** An answer: data and status word. */
export function answer(status: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(data.length + 2);
  bytes.set(data);
  bytes.set([status >> 8, status & 0xff], data.length);
  return bytes;
}

/** The reader's own GET DATA (PC/SC part 3): the UID, or undefined when the command is another one. */
export function answerGetData(command: Uint8Array, uid: Uint8Array): Uint8Array | undefined {
  const [cla, ins, p1, p2, le] = command;
  if (cla !== 0xff || ins !== 0xca) return undefined;
  if (command.length !== 5) return answer(statusWords.wrongLength);
  if (p1 !== 0x00 || p2 !== 0x00) return answer(statusWords.functionUnsupported);
  if (le !== 0 && le !== uid.length) return answer(0x6c00 | uid.length);
  return answer(statusWords.ok, uid);
}

/** The ATR that PC/SC readers make for a storage card: `name` is the card name of PC/SC part 3, such as 0x0003. */
export function storageCardAtr(name: number): Uint8Array {
  const body = [
    0x8f,
    0x80,
    0x01,
    0x80,
    0x4f,
    0x0c,
    0xa0,
    0x00,
    0x00,
    0x03,
    0x06,
    0x03,
    name >> 8,
    name & 0xff,
    0,
    0,
    0,
    0,
  ];
  return Uint8Array.of(0x3b, ...body, checksum(body));
}

/** The ATR that PC/SC readers make for an ISO 14443-4 card with these historical bytes (at most 15). */
export function isoDepAtr(historical: Uint8Array = new Uint8Array(0)): Uint8Array {
  const body = [0x80 | historical.length, 0x80, 0x01, ...historical];
  return Uint8Array.of(0x3b, ...body, checksum(body));
}

function checksum(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0);
}
