import { type VirtualCard, answer, answerGetData, statusWords, storageCardAtr } from "./virtual-card.js";

export type NtagModel = "NTAG213" | "NTAG215" | "NTAG216";

interface Layout {
  readonly pages: number;
  /** Capability container and the first pages as they leave the factory. */
  readonly factory: readonly number[];
  /** The page of the dynamic lock bytes: the first behind user memory. */
  readonly lockPage: number;
  /** How many pages one dynamic lock bit locks, counted from page 16. */
  readonly pagesPerLockBit: number;
}

const layouts: Readonly<Record<NtagModel, Layout>> = {
  NTAG213: {
    pages: 45,
    factory: [0xe1, 0x10, 0x12, 0x00, 0x01, 0x03, 0xa0, 0x0c, 0x34, 0x03, 0x00, 0xfe],
    lockPage: 40,
    pagesPerLockBit: 2,
  },
  NTAG215: {
    pages: 135,
    factory: [0xe1, 0x10, 0x3e, 0x00, 0x03, 0x00, 0xfe, 0x00],
    lockPage: 130,
    pagesPerLockBit: 16,
  },
  NTAG216: {
    pages: 231,
    factory: [0xe1, 0x10, 0x6d, 0x00, 0x03, 0x00, 0xfe, 0x00],
    lockPage: 226,
    pagesPerLockBit: 16,
  },
};

const ULTRALIGHT = 0x0003;
const PAGE = 4;
const READ_LENGTH = 16;

/**
 * An NTAG213, 215 or 216 at a PC/SC reader: UID with its check bytes, one-time lock and capability bytes, writes of one
 * page, reads that roll over at the end of the memory. Password protection and counters are not modelled.
 */
export class VirtualNtag implements VirtualCard {
  readonly atr = storageCardAtr(ULTRALIGHT);
  readonly uid: Uint8Array;
  readonly #layout: Layout;
  readonly #memory: Uint8Array;

  /** `uid` has 7 bytes. */
  constructor(
    readonly model: NtagModel,
    uid: Uint8Array,
  ) {
    if (uid.length !== 7) throw new RangeError(`the UID of an NTAG has 7 bytes, not ${uid.length}`);
    this.uid = uid.slice();
    this.#layout = layouts[model];
    this.#memory = new Uint8Array(this.#layout.pages * PAGE);
    const [u0 = 0, u1 = 0, u2 = 0, u3 = 0, u4 = 0, u5 = 0, u6 = 0] = uid;
    this.#memory.set([u0, u1, u2, 0x88 ^ u0 ^ u1 ^ u2, u3, u4, u5, u6, u3 ^ u4 ^ u5 ^ u6, 0x48]);
    this.#memory.set(this.#layout.factory, 3 * PAGE);
    this.#memory[this.#layout.lockPage * PAGE + 3] = 0xbd;
  }

  reset(): void {
    // Pages are addressed in every command: nothing is selected that could be forgotten.
  }

  apdu(command: Uint8Array): Uint8Array {
    const uid = answerGetData(command, this.uid);
    if (uid) return uid;
    const [cla, ins, p1 = 0, p2 = 0] = command;
    if (command.length < 5) return answer(statusWords.wrongLength);
    if (cla !== 0xff) return answer(statusWords.unknownClass);
    const page = p1 * 256 + p2;
    if (ins === 0xb0) return this.#read(page, command);
    if (ins === 0xd6) return this.#update(page, command);
    return answer(statusWords.unknownInstruction);
  }

  /** The memory from page 0 on, as the chip holds it. */
  memory(): Uint8Array {
    return this.#memory.slice();
  }

  snapshot(): Uint8Array {
    return this.memory();
  }

  restore(snapshot: Uint8Array): void {
    if (snapshot.length !== this.#memory.length) throw new RangeError(`not a snapshot of an ${this.model}`);
    // The first ten bytes are the UID, its check bytes and an internal byte: made at the factory, never written.
    this.#memory.set(snapshot.subarray(10), 10);
  }

  #read(page: number, command: Uint8Array): Uint8Array {
    const le = command[4] === 0 ? READ_LENGTH : (command[4] as number);
    if (command.length !== 5 || le > READ_LENGTH) return answer(statusWords.wrongLength);
    if (page >= this.#layout.pages) return answer(statusWords.failed);
    const size = this.#memory.length;
    return answer(
      statusWords.ok,
      Uint8Array.from({ length: le }, (_, i) => this.#visible((page * PAGE + i) % size)),
    );
  }

  /** Password and its acknowledgement, in the last two pages, read as zero. */
  #visible(address: number): number {
    return address >= this.#memory.length - 2 * PAGE ? 0 : (this.#memory[address] as number);
  }

  #update(page: number, command: Uint8Array): Uint8Array {
    if (command[4] !== PAGE || command.length !== 5 + PAGE) return answer(statusWords.wrongLength);
    if (page < 2 || page >= this.#layout.pages || this.#isLocked(page)) return answer(statusWords.failed);
    const data = command.subarray(5);
    const at = page * PAGE;
    if (page === 2) this.#setBits(at + 2, data.subarray(2));
    else if (page === 3) this.#setBits(at, data);
    else if (page === this.#layout.lockPage) this.#setBits(at, data.subarray(0, 3));
    else this.#memory.set(data, at);
    return answer(statusWords.ok);
  }

  /** One-time bits: once set they stay. */
  #setBits(at: number, data: Uint8Array): void {
    data.forEach((byte, i) => {
      this.#memory[at + i] = (this.#memory[at + i] as number) | byte;
    });
  }

  #isLocked(page: number): boolean {
    if (page < 3) return false;
    const word = (at: number): number => (this.#memory[at] as number) | ((this.#memory[at + 1] as number) << 8);
    if (page < 16) return ((word(10) >> page) & 1) === 1;
    const { lockPage, pagesPerLockBit } = this.#layout;
    if (page >= lockPage) return false;
    return ((word(lockPage * PAGE) >> Math.floor((page - 16) / pagesPerLockBit)) & 1) === 1;
  }
}
