import { createRequire } from "node:module";

/**
 * A process that only answers whether a reader is plugged in: exit 0 when pcscd shows one. Apart from the demo, because the
 * native driver can hang, and its starter ends it after its time.
 */
interface Pcsc {
  on(event: "reader" | "error", listener: () => void): void;
}

const require = createRequire(import.meta.url);
const fromDriver = createRequire(require.resolve("nfc-pcsc"));
const pcsc = (fromDriver("@pokusew/pcsclite") as () => Pcsc)();
pcsc.on("reader", () => process.exit(0));
pcsc.on("error", () => process.exit(1));
