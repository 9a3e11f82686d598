import { type Card, CardError, readCard, requireBadge, writeBadge } from "@badgekey/device-agent";
import { fromHex, sameBytes } from "@badgekey/shared";
import {
  type VirtualCard,
  VirtualNtag,
  ntagWithBadge,
  type4WithBadge,
  virtualClassic,
  virtualPhone,
} from "@badgekey/shared/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Field } from "./field.js";
import { Pcscd } from "./pcscd.js";
import type { Fault, FaultPlan } from "./vpcd-card.js";

const uid = fromHex("04e10cda993c80");
const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 13 + 5) & 0xff);
const other = Uint8Array.from({ length: 120 }, (_, i) => (i * 7 + 1) & 0xff);
const type4 = (held: Uint8Array): VirtualCard => type4WithBadge({ uid, maxRead: 165, maxWrite: 50 }, held);
const ntag = (held: Uint8Array): VirtualCard => ntagWithBadge("NTAG215", uid, held);
let pcscd: Pcscd;
let field: Field;

beforeAll(async () => {
  pcscd = await Pcscd.start();
  field = Field.start();
  await field.next("readerReady");
});
afterAll(async () => {
  await field.close();
  await pcscd.stop();
});

const from =
  (position: number, fault: Fault): FaultPlan =>
  (n) =>
    n >= position ? fault : undefined;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CardError) return error.code;
    throw error;
  }
  return "done";
}

const reading = (card: Card): Promise<string> => codeOf(readCard(card).then(requireBadge));
const heldBy = (virtual: VirtualCard): Promise<Uint8Array | undefined> =>
  field.tap(virtual, async (card) => (await readCard(card)).badge);

describe("a card removed in the middle of a read", () => {
  test.each([
    ["Type 4 tag", type4, [1, 2, 3, 4, 5, 6]],
    ["NTAG215", ntag, [1, 2, 7, 12]],
  ])("%s: is unreadable, and the next tap works", async (_, make, positions) => {
    for (const position of positions) {
      const code = await field.tap(make(badge), reading, from(position, { kind: "pull" }));
      expect(code).toBe("CARD_UNREADABLE");
      expect(await heldBy(make(badge))).toEqual(badge);
    }
  });
});

describe("a card removed in the middle of a write", () => {
  // Type 4: UID, 4 to open, then length 0, 4 pieces, length, read-back. NTAG215: UID, 9 reads, clear, content, commit.
  test.each([
    ["Type 4 tag", type4, [1, 4, 6, 7, 9, 10, 11, 12, 14]],
    ["NTAG215", ntag, [2, 9, 10, 11, 12, 30, 50, 51, 52, 53, 60]],
  ])("%s: holds the old badge, none or the new one, and the next tap works", async (_, make, positions) => {
    const seen = new Set<string>();
    for (const position of positions) {
      for (const kind of ["pull", "pullAfter"] as const) {
        const virtual = make(other);
        const code = await field.tap(virtual, (card) => codeOf(writeBadge(card, badge)), from(position, { kind }));
        expect(code).toBe("CARD_UNREADABLE");
        const held = await heldBy(virtual);
        seen.add(
          held === undefined ? "none" : sameBytes(held, other) ? "old" : sameBytes(held, badge) ? "new" : "garbage",
        );
      }
    }
    expect(seen).toEqual(new Set(["old", "none", "new"]));
  });
});

describe("cards that answer what they should not", () => {
  test.each([
    ["one byte", { kind: "answer", data: Uint8Array.of(0x90) }],
    ["a refusal", { kind: "answer", data: fromHex("6f00") }],
    ["success without data", { kind: "answer", data: fromHex("9000") }],
    ["1,000 bytes", { kind: "answer", data: new Uint8Array(1000).fill(0x90) }],
  ] as const)("%s", async (_, fault) => {
    for (const position of [1, 4, 6]) {
      expect(await field.tap(type4(badge), reading, from(position, fault))).toBe("CARD_UNREADABLE");
    }
    expect(await field.tap(type4(badge), reading)).toBe("done");
  });

  test.each([
    ["a MIFARE Classic card", virtualClassic(fromHex("01020304")), "CARD_UNSUPPORTED"],
    ["a phone without an NDEF application", virtualPhone(fromHex("08aabbcc")), "CARD_EMPTY"],
    ["a fresh NTAG213", new VirtualNtag("NTAG213", uid), "CARD_EMPTY"],
  ])("%s", async (_, virtual, code) => {
    expect(await field.tap(virtual, reading)).toBe(code);
    expect(await field.tap(type4(badge), reading)).toBe("done");
  });

  test("a contact card", async () => {
    const contact: VirtualCard = {
      atr: fromHex("3b6500002063cb6800"),
      uid,
      reset: () => undefined,
      apdu: () => fromHex("6d00"),
      snapshot: () => new Uint8Array(0),
      restore: () => undefined,
    };
    expect(await field.tap(contact, reading)).toBe("CARD_UNSUPPORTED");
    expect(await field.tap(type4(badge), reading)).toBe("done");
  });
});

test("a damaged tag is unreadable, not a crash", async () => {
  const tag = new VirtualNtag("NTAG215", uid);
  const memory = tag.memory();
  memory.set(fromHex("03ff07e0"), 16);
  tag.restore(memory);
  expect(await field.tap(tag, reading)).toBe("CARD_UNREADABLE");
});
