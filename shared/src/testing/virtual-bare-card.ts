import { type VirtualCard, answer, answerGetData, isoDepAtr, statusWords, storageCardAtr } from "./virtual-card.js";

/** A card that shows its UID and nothing else. It has no memory to copy: a snapshot is empty. */
class VirtualBareCard implements VirtualCard {
  constructor(
    readonly atr: Uint8Array,
    readonly uid: Uint8Array,
    readonly refusal: number,
  ) {}

  reset(): void {
    // Nothing is ever selected.
  }

  apdu(command: Uint8Array): Uint8Array {
    return answerGetData(command, this.uid) ?? answer(this.refusal);
  }

  snapshot(): Uint8Array {
    return new Uint8Array(0);
  }

  restore(snapshot: Uint8Array): void {
    if (snapshot.length > 0) throw new RangeError("a bare card has no memory");
  }
}

/** A phone or bank card: ISO 14443-4, none of our applications; phones show a random UID `08 …` of 4 bytes. */
export function virtualPhone(uid: Uint8Array): VirtualCard {
  return new VirtualBareCard(isoDepAtr(), uid, statusWords.fileNotFound);
}

/** A MIFARE Classic 1K as many campuses use it: a UID of 4 or 7 bytes, sectors behind keys that we do not have. */
export function virtualClassic(uid: Uint8Array): VirtualCard {
  return new VirtualBareCard(storageCardAtr(0x0001), uid, statusWords.failed);
}
