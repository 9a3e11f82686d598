import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { NFC, NativeReader, Reader, ReaderStatus } from "nfc-pcsc";
import { chooseReader } from "./pcsc-choice.js";
import { LIGHT_ANSWER_LIMIT } from "./pcsc-light.js";
import {
  ALIVE_EVERY_MS,
  ANSWER_LIMIT,
  type FromReaderProcess,
  MEND,
  MESSAGE_FD,
  type ToReaderProcess,
  decodeToReader,
  encodeMessage,
} from "./pcsc-messages.js";
import { PCSCD_SOCKET, probePcscd } from "./pcsc-probe.js";

/**
 * The process that holds nfc-pcsc, started by pcsc-launch.ts with the wanted reader's name as its only argument. It is
 * told what to do on standard input, and says what happens on MESSAGE_FD. Whatever goes wrong here ends it: the agent
 * starts a fresh one (SAFETY R14). It never calls close(): that can deadlock, and ending the process frees everything
 * in pcscd as well.
 */

const CONNECT_TIMEOUT_MS = 3000;
const CONNECT_ATTEMPTS = 3;
const CONNECT_PAUSE_MS = 80;
/** pcscd names its readers at once; without any it says nothing at all. */
const FIRST_LOOK_MS = 300;
const LIGHT_TIMEOUT_MS = 1500;
/** A pcscd that hangs tells of no card and of no trouble either: it is asked. */
const PROBE_EVERY_MS = 3000;
/** Far above what it takes (85 MB); a leak ends this process instead of the computer's memory. */
const MOST_RESIDENT_BYTES = 200e6;
const LAST_WORDS_MS = 500;

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

const agent = new Socket({ fd: MESSAGE_FD, readable: false });
// The agent has gone, and this process with it.
agent.on("error", () => process.exit(0));

function tell(message: FromReaderProcess): void {
  agent.write(encodeMessage(message));
}

function end(reason: string): void {
  const exit = (): never => process.exit(1);
  agent.write(encodeMessage({ type: "unbound", reason }), exit);
  // An agent that reads nothing does not keep it.
  setTimeout(exit, LAST_WORDS_MS);
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
  if (next?.seen?.present) tell({ type: "found" });
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

function exchange({ card, id, data }: Extract<ToReaderProcess, { type: "apdu" }>): void {
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

/** The reader's light is an ornament: whatever goes wrong with it is told in one line, and cards are read as before. */
function light(data: string): void {
  enqueue(async () => {
    const field = bound;
    const ok = field !== undefined && (await escape(field.reader, Buffer.from(data, "hex")));
    tell({ type: "shown", ok });
  });
}

async function escape(reader: Reader, command: Buffer): Promise<boolean> {
  const overCard = connected === "yes";
  try {
    if (!overCard) await within(CONNECT_TIMEOUT_MS, reader.connect("CONNECT_MODE_DIRECT"));
    await within(LIGHT_TIMEOUT_MS, reader.control(command, LIGHT_ANSWER_LIMIT));
    return true;
  } catch (error) {
    console.error(
      `reader: its light cannot be set: ${messageOf(error)}; deploy/systemd/README.md says how to allow it`,
    );
    return false;
  } finally {
    if (!overCard && reader.connection) await within(CONNECT_TIMEOUT_MS, reader.disconnect());
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => end(`hung: the reader did not connect, obey or disconnect in ${ms} ms`), ms);
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

function obey(line: string): void {
  const message = decodeToReader(line);
  if (message?.type === "apdu") exchange(message);
  else if (message?.type === "light") light(message.data);
  else end("failed: the agent wrote what is no message");
}

function showLife(): void {
  const { rss } = process.memoryUsage();
  if (rss > MOST_RESIDENT_BYTES) end(`failed: the reader process grew to ${String(Math.round(rss / 1e6))} MB`);
  else tell({ type: "alive" });
}

async function watchPcscd(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
    const trouble = await probePcscd(PCSCD_SOCKET);
    if (trouble !== undefined) end(trouble);
  }
}

async function main(): Promise<void> {
  createInterface({ input: process.stdin })
    .on("line", obey)
    .on("close", () => process.exit(0));
  setInterval(showLife, ALIVE_EVERY_MS);
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
  await watchPcscd();
}

await main();
