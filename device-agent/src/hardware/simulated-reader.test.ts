import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fromHex, toHex } from "@badgekey/shared";
import { VirtualNtag, ntagWithBadge } from "@badgekey/shared/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Card, CardGoneError, type Reader, type ReaderEvent } from "../ports.js";
import { readCard } from "../presentation/read-card.js";
import { simulatedReader } from "./simulated-reader.js";

const uid = fromHex("04e10cda993c80");
let folder: string;
let path: string;
let reader: Reader;
let events: Inbox<ReaderEvent>;
let server: Server | undefined;

/** What arrived, in order, to be waited for one by one. */
class Inbox<T> {
  readonly #items: T[] = [];
  #wake: () => void = () => undefined;

  readonly put = (item: T): void => {
    this.#items.push(item);
    this.#wake();
  };

  async next(): Promise<T> {
    while (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#items.shift() as T;
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bench-"));
  path = join(folder, "reader.sock");
  events = new Inbox();
  reader = simulatedReader({ socket: path, reader: "desk" });
});

afterEach(async () => {
  await reader.close();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

interface Bench {
  readonly socket: Socket;
  readonly lines: Inbox<Record<string, unknown>>;
  say(message: unknown): void;
}

async function startBench(): Promise<Bench> {
  server = createServer();
  server.listen(path);
  const [socket] = (await once(server, "connection")) as [Socket];
  const lines = new Inbox<Record<string, unknown>>();
  createInterface({ input: socket }).on("line", (line) => lines.put(JSON.parse(line) as Record<string, unknown>));
  return { socket, lines, say: (message) => socket.write(`${JSON.stringify(message)}\n`) };
}

/** A bench that the started reader has found. */
async function readyBench(): Promise<Bench> {
  reader.start(events.put);
  await events.next();
  const bench = await startBench();
  await bench.lines.next();
  await events.next();
  return bench;
}

async function nextCard(): Promise<Card> {
  const event = await events.next();
  if (event.kind !== "cardPresented") throw new Error(`a ${event.kind} instead of a card`);
  return event.card;
}

test("a bench that is not there is a lost reader, told once, and found later", async () => {
  reader.start(events.put);
  expect(await events.next()).toEqual({
    kind: "readerLost",
    reader: "desk",
    reason: `absent: no bench at ${path} (ENOENT)`,
  });
  const bench = await startBench();
  expect(await bench.lines.next()).toEqual({ type: "hello", role: "reader" });
  expect(await events.next()).toEqual({ kind: "readerReady", reader: "desk" });
  bench.socket.destroy();
  expect(await events.next()).toMatchObject({ kind: "readerLost", reason: "absent: the bench hung up" });
});

test("R6: a card that lay there before is told as found, however late that is told, and never presented", async () => {
  const bench = await readyBench();
  bench.say({ type: "insert", id: 1, atr: "3b00", found: true });
  expect(await events.next()).toEqual({ kind: "cardFound", reader: "desk" });
  bench.say({ type: "remove", id: 1 });
  bench.say({ type: "insert", id: 2, atr: "3b00" });
  expect(await nextCard()).toMatchObject({ presentation: 1 });
});

test("a card is presented, read and removed", async () => {
  const bench = await readyBench();
  const badge = new Uint8Array(143).fill(3);
  const virtual = ntagWithBadge("NTAG215", uid, badge);
  bench.say({ type: "insert", id: 7, atr: toHex(virtual.atr) });
  const card = await nextCard();
  expect(card).toMatchObject({ presentation: 1, reader: "desk", atr: virtual.atr });
  const contents = readCard(card);
  for (let n = 1; n <= 12; n++) {
    const apdu = await bench.lines.next();
    expect(apdu).toMatchObject({ type: "apdu", id: 7, n });
    bench.say({ type: "answer", id: 7, n, data: toHex(virtual.apdu(fromHex(apdu["data"] as string))) });
  }
  expect((await contents).badge).toEqual(badge);
  bench.say({ type: "remove", id: 7 });
  expect(await events.next()).toEqual({ kind: "cardRemoved", reader: "desk", presentation: 1 });
  await expect(card.transmit(fromHex("ffca000000"))).rejects.toThrow(CardGoneError);
});

test("removal ends the command under way; a second card replaces the first", async () => {
  reader.start(events.put);
  await events.next();
  const bench = await startBench();
  await events.next();
  const { atr } = new VirtualNtag("NTAG215", uid);
  bench.say({ type: "insert", id: 1, atr: toHex(atr) });
  const first = await nextCard();
  const waiting = first.transmit(fromHex("ffca000000"));
  bench.say({ type: "insert", id: 2, atr: toHex(atr) });
  await expect(waiting).rejects.toThrow(CardGoneError);
  expect(await events.next()).toMatchObject({ kind: "cardRemoved", presentation: 1 });
  expect((await nextCard()).presentation).toBe(2);
  bench.say({ type: "remove", id: 1 });
  bench.say({ type: "remove", id: 2 });
  expect(await events.next()).toMatchObject({ kind: "cardRemoved", presentation: 2 });
});

test.each([
  ["no JSON", "{\n"],
  ["an unknown message", '{"type":"format","id":1}\n'],
  ["odd hex", '{"type":"insert","id":1,"atr":"3"}\n'],
  ["an endless line", "x".repeat(20_000)],
])("%s from the bench ends the connection", async (_, text) => {
  reader.start(events.put);
  await events.next();
  const bench = await startBench();
  await events.next();
  bench.socket.write(text);
  expect(await events.next()).toMatchObject({
    kind: "readerLost",
    reason: expect.stringMatching(/^failed: /) as string,
  });
});
