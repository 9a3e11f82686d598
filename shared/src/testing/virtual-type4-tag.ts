import { sameBytes } from "../cbor/value.js";
import { TYPE4_APPLICATION, TYPE4_CC_FILE, decodeType4Capability, encodeType4Capability } from "../ndef/index.js";
import { type VirtualCard, answer, answerGetData, isoDepAtr, statusWords } from "./virtual-card.js";

export interface Type4TagOptions {
  /** 4, 7 or 10 bytes. */
  readonly uid: Uint8Array;
  /** Most bytes of one READ BINARY (MLe); 246 unless told. */
  readonly maxRead?: number;
  /** Most bytes of one UPDATE BINARY (MLc); 246 unless told. */
  readonly maxWrite?: number;
  /** Size of the NDEF file in bytes; 512 unless told. */
  readonly fileSize?: number;
  readonly writable?: boolean;
}

const NDEF_FILE = 0xe104;

/** An NFC Forum Type 4 tag, mapping version 2.0, with one NDEF file; short APDUs only. */
export class VirtualType4Tag implements VirtualCard {
  readonly atr = isoDepAtr();
  readonly uid: Uint8Array;
  readonly #capability: Uint8Array;
  readonly #file: Uint8Array;
  #applicationSelected = false;
  #selected: number | undefined;

  constructor(options: Type4TagOptions) {
    const { uid, maxRead = 246, maxWrite = 246, fileSize = 512, writable = true } = options;
    this.uid = uid.slice();
    this.#capability = encodeType4Capability({ maxRead, maxWrite, fileId: NDEF_FILE, fileSize, writable });
    this.#file = new Uint8Array(fileSize);
  }

  reset(): void {
    this.#applicationSelected = false;
    this.#selected = undefined;
  }

  apdu(command: Uint8Array): Uint8Array {
    const uid = answerGetData(command, this.uid);
    if (uid) return uid;
    if (command.length < 5) return answer(statusWords.wrongLength);
    const [cla, ins] = command;
    if (cla !== 0x00) return answer(statusWords.unknownClass);
    if (ins === 0xa4) return this.#select(command);
    if (ins === 0xb0) return this.#read(command);
    if (ins === 0xd6) return this.#update(command);
    return answer(statusWords.unknownInstruction);
  }

  /** The NDEF file: two bytes of length, then the message. */
  file(): Uint8Array {
    return this.#file.slice();
  }

  snapshot(): Uint8Array {
    return this.file();
  }

  restore(snapshot: Uint8Array): void {
    if (snapshot.length !== this.#file.length) throw new RangeError("a snapshot of a file of another size");
    this.#file.set(snapshot);
  }

  #select(command: Uint8Array): Uint8Array {
    const [, , p1, p2 = 0, lc = 0] = command;
    const data = command.subarray(5, 5 + lc);
    if (data.length !== lc || command.length > 6 + lc) return answer(statusWords.wrongLength);
    if (p1 === 0x04 && p2 === 0x00) {
      if (!sameBytes(data, TYPE4_APPLICATION)) return answer(statusWords.fileNotFound);
      this.#applicationSelected = true;
      this.#selected = undefined;
      return answer(statusWords.ok);
    }
    if (p1 !== 0x00 || (p2 & 0xf3) !== 0x00 || lc !== 2) return answer(statusWords.wrongParameters);
    const fileId = (data[0] as number) * 256 + (data[1] as number);
    const known = fileId === TYPE4_CC_FILE || fileId === NDEF_FILE;
    if (!this.#applicationSelected || !known) return answer(statusWords.fileNotFound);
    this.#selected = fileId;
    return answer(statusWords.ok);
  }

  #read(command: Uint8Array): Uint8Array {
    const [, , p1 = 0, p2 = 0, le = 0] = command;
    const file = this.#selectedFile();
    if (!file) return answer(statusWords.noFileSelected);
    const wanted = le === 0 ? 256 : le;
    const { maxRead } = decodeType4Capability(this.#capability);
    if (command.length !== 5 || wanted > maxRead) return answer(statusWords.wrongLength);
    const offset = p1 * 256 + p2;
    if (p1 >= 0x80 || offset >= file.length) return answer(statusWords.wrongOffset);
    const data = file.subarray(offset, offset + wanted);
    return answer(data.length < wanted ? statusWords.endOfFile : statusWords.ok, data);
  }

  #update(command: Uint8Array): Uint8Array {
    const [, , p1 = 0, p2 = 0, lc = 0] = command;
    const file = this.#selectedFile();
    if (!file) return answer(statusWords.noFileSelected);
    const { maxWrite, writable } = decodeType4Capability(this.#capability);
    if (this.#selected !== NDEF_FILE || !writable) return answer(statusWords.notAllowed);
    if (lc === 0 || lc > maxWrite || command.length !== 5 + lc) return answer(statusWords.wrongLength);
    const offset = p1 * 256 + p2;
    if (p1 >= 0x80 || offset + lc > file.length) return answer(statusWords.wrongOffset);
    file.set(command.subarray(5), offset);
    return answer(statusWords.ok);
  }

  #selectedFile(): Uint8Array | undefined {
    if (this.#selected === undefined) return undefined;
    return this.#selected === NDEF_FILE ? this.#file : this.#capability;
  }
}
