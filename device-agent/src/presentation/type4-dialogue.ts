import {
  DecodeError,
  TYPE4_APPLICATION,
  TYPE4_CC_FILE,
  TYPE4_CC_LENGTH,
  type Type4Capability,
  concatBytes,
  decodeType4Capability,
  decodeType4Length,
  planType4Write,
} from "@badgekey/shared";
import { CardError } from "./card-error.js";
import { type Dialogue, unexpectedStatus } from "./dialogue.js";
import { MESSAGE_LIMIT } from "./message-limit.js";

const OK = 0x9000;
const END_OF_FILE = 0x6282;
/** READ BINARY with a short Le: 256 would be written as 0, which some cards take for "everything". */
const LONGEST_READ = 255;

/**
 * Reads the NDEF message of a Type 4 tag: two SELECTs and a READ for the capability container, one SELECT for the file,
 * and one READ that brings length and message together where MLe allows. Undefined when the card has no NDEF
 * application (a phone, a bank card) or an empty file.
 */
export async function readType4Message(dialogue: Dialogue): Promise<Uint8Array | undefined> {
  const capability = await openFile(dialogue);
  if (!capability) return undefined;
  const { fileSize, maxRead } = capability;
  const step = Math.min(maxRead, LONGEST_READ);
  let file = await readBeginning(dialogue, Math.min(step, fileSize));
  const length = decoded(() => decodeType4Length(file, fileSize));
  if (length > MESSAGE_LIMIT) throw new CardError("CARD_UNREADABLE", `a message of ${length} bytes, too long`);
  while (file.length < 2 + length) {
    const piece = await readFile(dialogue, file.length, Math.min(step, 2 + length - file.length));
    if (piece.length === 0) throw new CardError("CARD_UNREADABLE", "the file ends inside the message");
    file = concatBytes(file, piece);
  }
  return length === 0 ? undefined : file.slice(2, 2 + length);
}

/** Writes an NDEF message in an order that never leaves half of it readable. Throws CardError. */
export async function writeType4Message(dialogue: Dialogue, message: Uint8Array): Promise<void> {
  const capability = await openFile(dialogue);
  if (!capability) throw new CardError("CARD_UNSUPPORTED", "the card has no NDEF application");
  if (!capability.writable) throw new CardError("CARD_UNSUPPORTED", "the card is write-protected");
  for (const { offset, data } of planOrRefuse(capability, message)) {
    await dialogue.demand(concatBytes(Uint8Array.of(0x00, 0xd6, offset >> 8, offset & 0xff, data.length), data), 0);
  }
}

/** Selects the NDEF file and returns what the capability container says; undefined without the NDEF application. */
async function openFile(dialogue: Dialogue): Promise<Type4Capability | undefined> {
  const name = TYPE4_APPLICATION;
  const application = Uint8Array.of(0x00, 0xa4, 0x04, 0x00, name.length, ...name, 0x00);
  // Any refusal counts: phones answer 6A82, bank cards 6A81 or 6985, access cards 6D00.
  if ((await dialogue.exchange(application)).status !== OK) return undefined;
  await selectFile(dialogue, TYPE4_CC_FILE);
  const container = await readFile(dialogue, 0, TYPE4_CC_LENGTH);
  const capability = decoded(() => decodeType4Capability(container));
  await selectFile(dialogue, capability.fileId);
  return capability;
}

async function selectFile(dialogue: Dialogue, fileId: number): Promise<void> {
  const command = Uint8Array.of(0x00, 0xa4, 0x00, 0x0c, 0x02, fileId >> 8, fileId & 0xff);
  const { status } = await dialogue.exchange(command);
  if (status !== OK) throw unexpectedStatus(command, status);
}

/** The beginning of the file; from a card that refuses to read beyond its message, the length alone. */
async function readBeginning(dialogue: Dialogue, length: number): Promise<Uint8Array> {
  const { data, status } = await dialogue.exchange(readCommand(0, length));
  const refused = status !== OK && status !== END_OF_FILE;
  return refused ? readFile(dialogue, 0, 2) : data.subarray(0, length);
}

/** Reads at most `length` bytes; fewer at the end of the file. */
async function readFile(dialogue: Dialogue, offset: number, length: number): Promise<Uint8Array> {
  const command = readCommand(offset, length);
  const { data, status } = await dialogue.exchange(command);
  if (status !== OK && status !== END_OF_FILE) throw unexpectedStatus(command, status);
  if (data.length > length)
    throw new CardError("CARD_UNREADABLE", `${data.length} bytes where ${length} were asked for`);
  return data;
}

function readCommand(offset: number, length: number): Uint8Array {
  return Uint8Array.of(0x00, 0xb0, offset >> 8, offset & 0xff, length);
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new CardError("CARD_UNREADABLE", "the card's files are damaged", { cause });
  }
}

function planOrRefuse(capability: Type4Capability, message: Uint8Array): ReturnType<typeof planType4Write> {
  try {
    return planType4Write(capability, message);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CardError("CARD_UNSUPPORTED", `the badge does not fit: ${cause.message}`, { cause });
  }
}
