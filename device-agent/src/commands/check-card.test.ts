import { fromHex } from "@badgekey/shared";
import { VirtualNtag, type4WithBadge, virtualClassic } from "@badgekey/shared/testing";
import { expect, test } from "vitest";
import type { ReaderConfig } from "../config.js";
import { type FakeReader, fakeReader } from "../testing/fake-reader.js";
import { checkCard } from "./check-card.js";

const config: ReaderConfig = { driver: "pcsc" };
const uid = fromHex("04e10cda993c80");
const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 13 + 5) & 0xff);

/** The finding after `lay` did something to the reader once it waited. */
async function found(lay: (reader: FakeReader) => void, waitMs?: number) {
  const reader = fakeReader("ACS ACR122U");
  const asked: string[] = [];
  const onAsk = (what: string): void => {
    asked.push(what);
    // After the reader's own event has been dealt with.
    queueMicrotask(() => lay(reader));
  };
  const deps = { openReader: () => Promise.resolve(reader) };
  const finding = await checkCard(config, deps, { now: 0, onAsk, ...(waitMs !== undefined && { waitMs }) });
  expect(asked).toEqual(["lay a card on ACS ACR122U"]);
  expect(reader.isClosed).toBe(true);
  return finding;
}

test("a card with a badge is told by its kind and the end of its UID", async () => {
  expect(await found((reader) => reader.insert(type4WithBadge({ uid }, badge)))).toEqual({
    check: "card",
    state: "ok",
    detail:
      "NFC Forum Type 4 card or phone, UID of 7 bytes ending in 3c80, a badge of 143 bytes; no lists yet to judge it by",
  });
});

test("a card without a badge, and one that can carry none, come with what to do", async () => {
  expect(await found((reader) => reader.insert(new VirtualNtag("NTAG215", uid)))).toMatchObject({
    state: "warning",
    detail: expect.stringMatching(/^NFC Forum Type 2 tag, .* without a badge$/),
    mend: expect.stringContaining("badge write"),
  });
  expect(await found((reader) => reader.insert(virtualClassic(fromHex("01020304"))))).toMatchObject({
    state: "failed",
    detail: expect.stringMatching(/^CARD_UNSUPPORTED: /),
  });
});

test("a card that is pulled away, none at all, and a reader that goes, fail with what to do", async () => {
  const pulled = await found((reader) => reader.insert(type4WithBadge({ uid }, badge), { pulledAt: 2 }));
  expect(pulled).toMatchObject({ state: "failed", detail: expect.stringContaining("CARD_UNREADABLE") });
  expect(await found(() => undefined, 1)).toMatchObject({ state: "failed", detail: "none was laid on the reader" });
  expect(await found((reader) => reader.lose("absent: unplugged"))).toMatchObject({
    detail: "unplugged",
    mend: expect.stringContaining("plug the reader in"),
  });
});
