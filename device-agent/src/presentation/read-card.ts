import { DecodeError, badgeInMessage } from "@badgekey/shared";
import type { Card } from "../ports.js";
import { CardError } from "./card-error.js";
import { type CardKind, cardKindOf } from "./card-kind.js";
import { Dialogue, type DialogueOptions } from "./dialogue.js";
import { readType2Message, writeType2Message } from "./type2-dialogue.js";
import { readType4Message, writeType4Message } from "./type4-dialogue.js";

/** What a card showed. Everything in it is unverified. */
export interface CardContents {
  /** 4, 7 or 10 bytes; phones show a random one. */
  readonly uid: Uint8Array;
  readonly kind: CardKind;
  /** The whole NDEF message, undefined where the card holds none. */
  readonly message: Uint8Array | undefined;
  /** The badge in that message; undefined means CARD_EMPTY. */
  readonly badge: Uint8Array | undefined;
  /** Commands that it took. */
  readonly apduCount: number;
}

interface MessageDialogue {
  read(dialogue: Dialogue): Promise<Uint8Array | undefined>;
  write(dialogue: Dialogue, message: Uint8Array): Promise<void>;
}

export const messageDialogues: Readonly<Record<CardKind, MessageDialogue>> = {
  type2: { read: readType2Message, write: writeType2Message },
  type4: { read: readType4Message, write: writeType4Message },
};

/**
 * Reads UID and badge of a card (SPEC 8). Throws CardError: CARD_UNSUPPORTED for a kind that carries no badge,
 * CARD_UNREADABLE for a card that left, stayed silent, answered nonsense or holds a damaged message.
 */
export async function readCard(card: Card, options: DialogueOptions = {}): Promise<CardContents> {
  const kind = cardKindOf(card.atr);
  const dialogue = new Dialogue(card, options);
  const uid = await dialogue.readUid();
  const message = await messageDialogues[kind].read(dialogue);
  return { uid, kind, message, badge: message && badgeIn(message), apduCount: dialogue.apduCount };
}

/** The badge that must be there. Throws CardError CARD_EMPTY. */
export function requireBadge({ badge }: CardContents): Uint8Array {
  if (!badge) throw new CardError("CARD_EMPTY", "the card carries no badge");
  return badge;
}

function badgeIn(message: Uint8Array): Uint8Array | undefined {
  try {
    return badgeInMessage(message);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new CardError("CARD_UNREADABLE", "the card's message is damaged", { cause });
  }
}
