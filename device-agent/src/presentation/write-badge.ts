import { badgeMessage, sameBytes, toHex } from "@badgekey/shared";
import type { Card } from "../ports.js";
import { CardError } from "./card-error.js";
import { type CardKind, cardKindOf } from "./card-kind.js";
import { Dialogue, type DialogueOptions } from "./dialogue.js";
import { MESSAGE_LIMIT } from "./message-limit.js";
import { messageDialogues } from "./read-card.js";

export interface WriteOptions extends DialogueOptions {
  /** The UID that the card must have: a badge bound to one card must not land on another. */
  readonly uid?: Uint8Array;
}

export interface WrittenCard {
  readonly uid: Uint8Array;
  readonly kind: CardKind;
  readonly apduCount: number;
}

/**
 * Writes a badge as the card's only record and reads it back (SPEC 8). A card pulled away at any instant holds what it
 * held before, nothing, or the new badge. Throws CardError: CARD_MISMATCH before anything is written when the UID is
 * another, CARD_UNSUPPORTED for a card that is too small, write-protected or of another kind, CARD_UNREADABLE
 * otherwise.
 */
export async function writeBadge(card: Card, badge: Uint8Array, options: WriteOptions = {}): Promise<WrittenCard> {
  const message = badgeMessage(badge);
  if (message.length > MESSAGE_LIMIT)
    throw new RangeError(`a message of ${message.length} bytes, at most ${MESSAGE_LIMIT}`);
  const kind = cardKindOf(card.atr);
  const dialogue = new Dialogue(card, options);
  const uid = await dialogue.readUid();
  if (options.uid && !sameBytes(uid, options.uid)) {
    throw new CardError("CARD_MISMATCH", `the card ${toHex(uid)} lies there, the badge is for ${toHex(options.uid)}`);
  }
  await messageDialogues[kind].write(dialogue, message);
  const found = await messageDialogues[kind].read(dialogue);
  if (!found || !sameBytes(found, message)) {
    throw new CardError("CARD_UNREADABLE", "the card holds other bytes than were written to it");
  }
  return { uid, kind, apduCount: dialogue.apduCount };
}
