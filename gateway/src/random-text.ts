import { randomBytes } from "@badgekey/shared";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** `length` characters of 0-9a-z, each equally likely. */
export function randomText(length: number, random: (length: number) => Uint8Array = randomBytes): string {
  let text = "";
  while (text.length < length) {
    for (const byte of random(length)) {
      // 252 is the largest multiple of 36 in a byte: above it the first letters would come more often.
      if (byte < 252 && text.length < length) text += ALPHABET[byte % 36] ?? "";
    }
  }
  return text;
}
