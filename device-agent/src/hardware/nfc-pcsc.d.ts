/** What pcsc-reader-process.ts uses of nfc-pcsc, which ships no types. */
declare module "nfc-pcsc" {
  import type { EventEmitter } from "node:events";

  /** The native reader under nfc-pcsc's own. `status` tells every change of state, with the ATR of a present card. */
  export interface NativeReader extends EventEmitter {
    readonly SCARD_STATE_PRESENT: number;
    readonly SCARD_STATE_MUTE: number;
  }

  export interface ReaderStatus {
    /** Flags in the low 16 bits; above them a counter of insertions and removals. */
    readonly state: number;
    readonly atr?: Buffer;
  }

  export interface Reader extends EventEmitter {
    readonly name: string;
    readonly reader: NativeReader;
    autoProcessing: boolean;
    card: { readonly atr?: Buffer } | null;
    connection: { readonly protocol: number | undefined } | null;
    /** In direct mode the reader itself is talked to, with or without a card. */
    connect(mode?: "CONNECT_MODE_CARD" | "CONNECT_MODE_DIRECT"): Promise<unknown>;
    /** An escape command of the reader. Throws at once, instead of rejecting, when there is no connection. */
    control(command: Buffer, answerLimit: number): Promise<Buffer>;
    /** Throws at once, instead of rejecting, when there is no connection. */
    disconnect(): Promise<unknown>;
    /** Throws at once, instead of rejecting, when the card has gone. */
    transmit(command: Buffer, answerLimit: number): Promise<Buffer>;
  }

  /** Emits `reader` and `error`. Its constructor blocks the process for as long as no pcscd answers. */
  export class NFC extends EventEmitter {
    close(): void;
  }
}
