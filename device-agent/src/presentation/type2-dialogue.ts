import {
  DecodeError,
  type PageWrite,
  TYPE2_CC,
  TYPE2_DATA,
  TYPE2_PAGE,
  type Type2Tag,
  concatBytes,
  planType2Write,
  scanType2,
} from "@badgekey/shared";
import { CardError } from "./card-error.js";
import type { Dialogue } from "./dialogue.js";
import { MESSAGE_LIMIT } from "./message-limit.js";

/** What most readers fetch at once. */
const READ_LENGTH = 16;

interface ReadTag {
  /** Memory from page 0 on; the pages in front of the capability container are zero. */
  readonly memory: Uint8Array;
  readonly tag: Type2Tag;
}

/**
 * Reads the NDEF message of a Type 2 tag: 16 bytes at a time from page 3 on, so that the capability container comes
 * along, and no further than the message reaches. Undefined when the tag holds none or is not formatted for NDEF.
 */
export async function readType2Message(dialogue: Dialogue): Promise<Uint8Array | undefined> {
  const read = await readTag(dialogue);
  const message = read?.tag.ndef?.message;
  return message && message.length > 0 ? message : undefined;
}

/** Writes an NDEF message in an order that never leaves half of it readable. Throws CardError. */
export async function writeType2Message(dialogue: Dialogue, message: Uint8Array): Promise<void> {
  const read = await readTag(dialogue);
  if (!read) throw new CardError("CARD_UNSUPPORTED", "the card is not formatted for NDEF");
  const { tag } = read;
  if (!tag.writable) throw new CardError("CARD_UNSUPPORTED", "the card is write-protected");
  const end = TYPE2_DATA + tag.dataAreaSize;
  const shared = tag.reserved.some((area) => area.start < end && area.end > TYPE2_DATA);
  const memory = shared ? await extend(dialogue, read.memory, end) : read.memory;
  const { clear, content, commit } = planOrRefuse(memory, tag, message);
  for (const write of [clear, ...content, commit]) await writePage(dialogue, write);
}

async function readTag(dialogue: Dialogue): Promise<ReadTag | undefined> {
  // Nothing in front of the capability container is looked at: those bytes need no command.
  let memory = await extend(dialogue, new Uint8Array(TYPE2_CC), TYPE2_DATA);
  if (memory[TYPE2_CC] !== 0xe1) return undefined;
  try {
    for (;;) {
      const scan = scanType2(memory);
      if (scan.kind === "complete") return { memory, tag: scan.tag };
      if (scan.bytesNeeded > TYPE2_DATA + MESSAGE_LIMIT)
        throw new CardError("CARD_UNREADABLE", "the message is too long");
      memory = await extend(dialogue, memory, scan.bytesNeeded);
    }
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new CardError("CARD_UNREADABLE", "the card's memory is damaged", { cause });
  }
}

/** Reads on from the end of `memory` until it holds at least `length` bytes. */
async function extend(dialogue: Dialogue, memory: Uint8Array, length: number): Promise<Uint8Array> {
  let extended = memory;
  while (extended.length < length) {
    const page = extended.length / TYPE2_PAGE;
    const command = Uint8Array.of(0xff, 0xb0, page >> 8, page & 0xff, READ_LENGTH);
    extended = concatBytes(extended, await dialogue.demand(command, READ_LENGTH));
  }
  return extended;
}

async function writePage(dialogue: Dialogue, { page, data }: PageWrite): Promise<void> {
  await dialogue.demand(concatBytes(Uint8Array.of(0xff, 0xd6, page >> 8, page & 0xff, TYPE2_PAGE), data), 0);
}

function planOrRefuse(memory: Uint8Array, tag: Type2Tag, message: Uint8Array): ReturnType<typeof planType2Write> {
  try {
    return planType2Write(memory, tag, message);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CardError("CARD_UNSUPPORTED", `the badge does not fit: ${cause.message}`, { cause });
  }
}
