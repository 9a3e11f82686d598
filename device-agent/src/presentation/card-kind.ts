import { fromHex, sameBytes } from "@badgekey/shared";
import { CardError } from "./card-error.js";

/** Which dialogue a card speaks. */
export type CardKind = "type2" | "type4";

/** Historical bytes that PC/SC readers make up for cards without ISO 14443-4 (PC/SC part 3, section 3.1.3.2.3). */
const STORAGE_CARD = fromHex("804f0ca000000306");
/** Card names of that list that are Type 2 tags: Ultralight and NTAG, Ultralight C, Ultralight EV1. */
const TYPE2_NAMES: readonly number[] = [0x0003, 0x003a, 0x003d];

/**
 * Decides by the ATR how to speak to a card. Throws CardError CARD_UNSUPPORTED for what carries no badge (MIFARE
 * Classic, contact cards), CARD_UNREADABLE for a card that gave no ATR.
 */
export function cardKindOf(atr: Uint8Array): CardKind {
  if (atr.length === 0) throw new CardError("CARD_UNREADABLE", "the card gave no answer to reset");
  const historical = contactlessHistoricalBytes(atr);
  if (!historical) throw new CardError("CARD_UNSUPPORTED", "not a contactless card");
  if (!sameBytes(historical.subarray(0, STORAGE_CARD.length), STORAGE_CARD)) return "type4";
  const [high = 0, low = 0] = historical.subarray(STORAGE_CARD.length + 1);
  const name = high * 256 + low;
  if (TYPE2_NAMES.includes(name)) return "type2";
  throw new CardError("CARD_UNSUPPORTED", `a storage card of kind ${name.toString(16).padStart(4, "0")}`);
}

/** The historical bytes of `3B 8n 80 01 … TCK`, the form every contactless card's ATR has; undefined for others. */
function contactlessHistoricalBytes(atr: Uint8Array): Uint8Array | undefined {
  const [ts, t0 = 0, td1, td2] = atr;
  const count = t0 & 0x0f;
  if (ts !== 0x3b || t0 >> 4 !== 8 || td1 !== 0x80 || td2 !== 0x01 || atr.length !== 5 + count) return undefined;
  return atr.subarray(4, 4 + count);
}
