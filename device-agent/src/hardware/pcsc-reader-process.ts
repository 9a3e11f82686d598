import type { NFC, NativeReader, Reader, ReaderStatus } from "nfc-pcsc";
import { chooseReader } from "./pcsc-choice.js";
import { ALIVE_EVERY_MS, MEND, type FromReaderProcess, type ToReaderProcess } from "./pcsc-messages.js";

/**
 * The process that holds nfc-pcsc, forked by pcsc-reader.ts with the wanted reader's name as its only argument. Whatever
 * goes wrong here ends it: the agent starts a fresh one (SAFETY R14). It never calls close(): that can deadlock, and
 * ending the process frees everything in pcscd as well.
 */

/** Beyond the longest answer to a short APDU; an answer that does not fit is an error, not a crash. */
const ANSWER_LIMIT = 512;
const CONNECT_TIMEOUT_MS = 3000;
const CONNECT_ATTEMPTS = 3;
const CONNECT_PAUSE_MS = 80;
/** pcscd names its readers at once; without any it says nothing at all. */
const FIRST_LOOK_MS = 300;

interface Sight {
  readonly present: boolean;
  /** pcscd's count of insertions and removals: two changes that fall together are seen by it alone. */
  readonly changes: number;
}

interface Field {
  readonly reader: Reader;
  seen: Sight | undefined;
}

const wanted = process.argv[2] === "" ? undefined : process.argv[2];
const fields = new Map<string, Field>();
let bound: Field | undefined;
let cardCount = 0;
let present: number | undefined;
let connected: "no" | "yes" | "stale" = "no";
let queue: Promise<void> = Promise.resolve();

function tell(message: FromReaderProcess): void {
  if (process.connected) process.send?.(message);
}

function end(reason: string): void {
  const exit = (): never => process.exit(1);
  if (process.connected && process.send) process.send({ type: "unbound", reason } satisfies FromReaderProcess, exit);
  else exit();
}

/** Everything that touches a card happens in one line: nfc-pcsc mixes up connections that overlap. */
function enqueue(work: () => Promise<void> | void): void {
  queue = queue.then(work).catch((error: unknown) => end(troubleOf(error)));
}

function adopt(reader: Reader): void {
  const field: Field = { reader, seen: undefined };
  fields.set(reader.name, field);
  reader.autoProcessing = false;
  // nfc-pcsc's own handler emits connect errors under no name, connects over a connection that is still closing and
  // touches cards at readers that belong to other agents. It is replaced, and its connect and transmit are used.
  reader.reader.removeAllListeners("status");
  // Natively the handler runs under a lock that other calls take: leave it first.
  reader.reader.on("status", (status: ReaderStatus) => setImmediate(look, field, status));
  reader.on("error", (error: unknown) => end(troubleOf(error)));
  reader.on("end", () => {
    fields.delete(reader.name);
    setImmediate(choose);
  });
}

function choose(): void {
  const choice = chooseReader([...fields.keys()], wanted);
  const next = "reader" in choice ? fields.get(choice.reader) : undefined;
  // Ready means that an empty field has been told from a full one: whoever waits for it may lay a card there at once.
  if (next && (next === bound || !next.seen)) return;
  present = undefined;
  connected = "no";
  bound = next;
  tell("reader" in choice ? { type: "bound", reader: choice.reader } : { type: "unbound", reason: choice.reason });
}

function look(field: Field, { state, atr }: ReaderStatus): void {
  const now: Sight = { present: isPresent(field.reader.reader, state), changes: state >>> 16 };
  const before = field.seen;
  field.seen = now;
  // SAFETY R6: a card that lay there before the reader was watched counts for nothing until it has been away.
  if (!before) return choose();
  if (field !== bound) return;
  const changed = before.changes !== now.changes;
  if (before.present && (!now.present || changed)) leave(field);
  if (now.present && (!before.present || changed)) arrive(field, atr ?? Buffer.alloc(0));
}

function isPresent(reader: NativeReader, state: number): boolean {
  return (state & reader.SCARD_STATE_PRESENT) !== 0;
}

function arrive(field: Field, atr: Buffer): void {
  const card = ++cardCount;
  present = card;
  enqueue(async () => {
    field.reader.card = { atr };
    // A card that cannot be connected to is presented all the same: its holder deserves an answer.
    for (let attempt = 1; present === card && !(await connect(field)) && attempt < CONNECT_ATTEMPTS; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
    }
    tell({ type: "card", card, atr: atr.toString("hex") });
  });
}

function leave(field: Field): void {
  const card = present;
  if (card === undefined) return;
  present = undefined;
  enqueue(async () => {
    tell({ type: "gone", card });
    await disconnect(field);
  });
}

async function connect({ reader }: Field): Promise<boolean> {
  try {
    await within(CONNECT_TIMEOUT_MS, reader.connect());
  } catch (error) {
    console.error(`reader: ${messageOf(error)}`);
    return false;
  }
  if (reader.connection?.protocol === undefined) throw new Error("connected over a connection that was still open");
  connected = "yes";
  return true;
}

async function disconnect({ reader }: Field): Promise<void> {
  connected = "no";
  if (reader.connection) await within(CONNECT_TIMEOUT_MS, reader.disconnect());
  reader.card = null;
}

function exchange({ card, id, data }: ToReaderProcess): void {
  const field = bound;
  enqueue(async () => {
    if (!field || field !== bound || card !== present) {
      tell({ type: "failed", id, message: "the card has gone", gone: true });
      return;
    }
    try {
      if (connected === "stale") {
        await within(CONNECT_TIMEOUT_MS, field.reader.disconnect());
        connected = "no";
      }
      if (connected !== "yes" && !(await connect(field))) throw new Error("no connection to the card");
      const answer = await field.reader.transmit(Buffer.from(data, "hex"), ANSWER_LIMIT);
      tell({ type: "answer", id, data: answer.toString("hex") });
    } catch (error) {
      // A card that was reset or lost power answers again only over a new connection.
      if (connected === "yes") connected = "stale";
      const message = messageOf(error);
      tell({ type: "failed", id, message, gone: card !== present || /removed/i.test(message) });
    }
  });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => end(`hung: the reader did not connect or disconnect in ${ms} ms`), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** nfc-pcsc wraps what pcscd said into `previous`. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { previous } = error as Error & { readonly previous?: unknown };
  return previous instanceof Error ? previous.message : error.message;
}

/** Which kind of trouble an error is; when pcscd ends, any call may be the first to notice. */
function troubleOf(error: unknown): string {
  const message = messageOf(error);
  if (/access denied/i.test(message))
    return `service: pcscd refuses this user; a polkit rule must allow it (${message})`;
  return /rpc|service|communication/i.test(message) ? `service: pcscd ended (${message})` : `failed: ${message}`;
}

function startTrouble(message: string): string {
  if (!message.startsWith("SCard")) return `missing: nfc-pcsc does not load (${message}); ${MEND}`;
  // Newer pcscd asks polkit, which lets nobody but root and people at the console through unless a rule says so.
  if (/access denied/i.test(message))
    return `service: pcscd refuses this user; a polkit rule must allow it (${message})`;
  return troubleOf(message);
}

async function main(): Promise<void> {
  process.on("disconnect", () => process.exit(0));
  process.on("message", (message: ToReaderProcess) => exchange(message));
  setInterval(tell, ALIVE_EVERY_MS, { type: "alive" });
  let nfc: NFC;
  try {
    nfc = new (await import("nfc-pcsc")).NFC();
  } catch (error) {
    end(startTrouble(messageOf(error)));
    return;
  }
  nfc.on("reader", adopt);
  nfc.on("error", (error: unknown) => end(troubleOf(error)));
  setTimeout(choose, FIRST_LOOK_MS);
}

await main();
