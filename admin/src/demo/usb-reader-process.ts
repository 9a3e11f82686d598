import { createRequire } from "node:module";

/**
 * A process that only answers which readers are plugged in: one name a line. Apart from the demo, because the native
 * driver can hang, and its starter ends it after its time.
 */
interface Pcsc {
  on(event: "reader", listener: (reader: { readonly name: string }) => void): void;
  on(event: "error", listener: () => void): void;
}

/** pcscd tells of all readers at once; later ones are plugged in later. */
const SETTLE_MS = 300;

const require = createRequire(import.meta.url);
const fromDriver = createRequire(require.resolve("nfc-pcsc"));
const pcsc = (fromDriver("@pokusew/pcsclite") as () => Pcsc)();
pcsc.on("reader", ({ name }) => {
  process.stdout.write(`${name}\n`);
  setTimeout(() => process.exit(0), SETTLE_MS);
});
pcsc.on("error", () => process.exit(1));
