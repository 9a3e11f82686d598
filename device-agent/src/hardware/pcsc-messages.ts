/** What the reader process tells the agent. Bytes travel as hex. */
export type FromReaderProcess =
  | { readonly type: "alive" }
  | { readonly type: "bound"; readonly reader: string }
  | { readonly type: "unbound"; readonly reason: string }
  | { readonly type: "card"; readonly card: number; readonly atr: string }
  | { readonly type: "gone"; readonly card: number }
  | { readonly type: "answer"; readonly id: number; readonly data: string }
  | { readonly type: "failed"; readonly id: number; readonly message: string; readonly gone: boolean };

/** What the agent tells the reader process. */
export interface ToReaderProcess {
  readonly type: "apdu";
  readonly card: number;
  readonly id: number;
  readonly data: string;
}

/** How often the reader process says that its event loop turns. */
export const ALIVE_EVERY_MS = 1000;

/** What installs the driver: without a compiler npm leaves nfc-pcsc out, and says nothing. */
export const MEND = "run: sudo apt-get install -y build-essential libpcsclite-dev pcscd && npm ci";
