import { type NdefRecord, decodeNdefMessage, encodeNdefMessage } from "./ndef-message.js";

const BADGE_TYPE = "application/cwt";
const MIME = 2;
const NOTHING = new Uint8Array(0);

/**
 * The NDEF message that carries a badge: one MIME record `application/cwt` (SPEC 8.2); 18 bytes longer than a badge of
 * up to 255.
 */
export function badgeMessage(badge: Uint8Array): Uint8Array {
  return encodeNdefMessage([{ tnf: MIME, type: new TextEncoder().encode(BADGE_TYPE), id: NOTHING, payload: badge }]);
}

/**
 * The bytes of the first record `application/cwt` of a message, or undefined where there is none (SPEC 8.2).
 * They are unverified. Throws DecodeError as decodeNdefMessage does.
 */
export function badgeInMessage(bytes: Uint8Array): Uint8Array | undefined {
  return decodeNdefMessage(bytes).find(carriesBadge)?.payload;
}

function carriesBadge({ tnf, type }: NdefRecord): boolean {
  // Media types compare without regard to case (RFC 2045); phone apps write them as they please.
  return tnf === MIME && String.fromCharCode(...type).toLowerCase() === BADGE_TYPE;
}
