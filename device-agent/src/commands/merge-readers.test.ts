import { expect, test } from "vitest";
import type { Card, Reader, ReaderEvent } from "../ports.js";
import { mergeReaders } from "./merge-readers.js";

class HandReader implements Reader {
  tell: (event: ReaderEvent) => void = () => undefined;
  closed = false;
  constructor(readonly name: string) {}
  start(onEvent: (event: ReaderEvent) => void): void {
    this.tell = onEvent;
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
  present(presentation: number): void {
    const transmit = (apdu: Uint8Array) => Promise.resolve(Uint8Array.of(...apdu, presentation));
    this.tell({ kind: "cardPresented", card: { presentation, reader: this.name, atr: Uint8Array.of(1), transmit } });
  }
  remove(presentation: number): void {
    this.tell({ kind: "cardRemoved", reader: this.name, presentation });
  }
}

test("several readers speak as one, and no number names two cards", async () => {
  const [left, right] = [new HandReader("left"), new HandReader("right")];
  const seen: ReaderEvent[] = [];
  const merged = mergeReaders([left, right]);
  merged.start((event) => seen.push(event));
  left.tell({ kind: "readerReady", reader: "left" });
  left.present(1);
  right.present(1);
  left.remove(1);
  left.present(2);
  right.remove(1);
  left.remove(1);
  left.tell({ kind: "readerLost", reader: "left", reason: "absent: gone" });
  const cards: Card[] = seen.flatMap((event) => (event.kind === "cardPresented" ? [event.card] : []));
  expect(cards.map(({ reader, presentation }) => [reader, presentation])).toEqual([
    ["left", 1],
    ["right", 2],
    ["left", 3],
  ]);
  expect(seen.filter(({ kind }) => kind === "cardRemoved")).toEqual([
    { kind: "cardRemoved", reader: "left", presentation: 1 },
    { kind: "cardRemoved", reader: "right", presentation: 2 },
  ]);
  expect(seen.map(({ kind }) => kind)).toContain("readerLost");
  expect(await cards[2]?.transmit(Uint8Array.of(9))).toEqual(Uint8Array.of(9, 2));
  await merged.close();
  expect([left.closed, right.closed]).toEqual([true, true]);
});
