import { badgeMessage, fromHex, sameBytes, toHex } from "@badgekey/shared";
import {
  type VirtualCard,
  VirtualNtag,
  VirtualType4Tag,
  isoDepAtr,
  ntagWithBadge,
  storageCardAtr,
  type4WithBadge,
  virtualClassic,
  virtualPhone,
} from "@badgekey/shared/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Card, CardGoneError } from "../ports.js";
import { CardError } from "./card-error.js";
import { cardKindOf } from "./card-kind.js";
import { readCard, requireBadge } from "./read-card.js";
import { writeBadge } from "./write-badge.js";

const uid = fromHex("04e10cda993c80");
const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 11) & 0xff);
const other = Uint8Array.from({ length: 120 }, (_, i) => (i * 5) & 0xff);

type Answers = (command: Uint8Array, n: number) => Uint8Array | Promise<Uint8Array>;

/** A card in the field; `answers` may stand in for the virtual card's own. Fails when two commands overlap. */
function present(virtual: VirtualCard, answers: Answers = (command) => virtual.apdu(command)): Card {
  let count = 0;
  let busy = false;
  return {
    presentation: 1,
    reader: "test",
    atr: virtual.atr,
    transmit: async (apdu) => {
      expect(busy).toBe(false);
      busy = true;
      const answer = await answers(apdu, ++count);
      busy = false;
      return answer;
    },
  };
}

/** The card leaves the field before its n-th command arrives. */
function pulledAt(virtual: VirtualCard, n: number): Card {
  return present(virtual, (command, count) => {
    if (count >= n) throw new CardGoneError("gone");
    return virtual.apdu(command);
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CardError) return error.code;
    throw error;
  }
  return "done";
}

const badgeOn = async (virtual: VirtualCard): Promise<Uint8Array | undefined> =>
  (await readCard(present(virtual))).badge;

describe("which dialogue an ATR asks for", () => {
  test.each([
    ["NTAG", toHex(storageCardAtr(0x0003)), "type2"],
    ["Ultralight C", toHex(storageCardAtr(0x003a)), "type2"],
    ["Ultralight EV1", toHex(storageCardAtr(0x003d)), "type2"],
    ["a phone", toHex(isoDepAtr()), "type4"],
    ["DESFire", "3b8180018080", "type4"],
  ])("%s", (_, atr, kind) => {
    expect(cardKindOf(fromHex(atr))).toBe(kind);
  });

  test.each([
    ["MIFARE Classic", toHex(storageCardAtr(0x0001)), "CARD_UNSUPPORTED"],
    ["FeliCa", toHex(storageCardAtr(0xf011)), "CARD_UNSUPPORTED"],
    ["a storage card without a name", "3b888001804f0ca00000030600", "CARD_UNSUPPORTED"],
    ["a contact card", "3b9f9581b1fe5d1f078031a073be211797", "CARD_UNSUPPORTED"],
    ["one stray byte", "3b", "CARD_UNSUPPORTED"],
    ["no ATR", "", "CARD_UNREADABLE"],
  ])("refuses %s", async (_, atr, code) => {
    expect(await codeOf(Promise.resolve().then(() => cardKindOf(fromHex(atr))))).toBe(code);
  });
});

describe("reading", () => {
  test("a standard badge takes 6 commands from a Type 4 tag with MLe 165", async () => {
    const contents = await readCard(present(type4WithBadge({ uid, maxRead: 165 }, badge)));
    expect(contents).toMatchObject({ uid, kind: "type4", badge, apduCount: 6 });
    expect(contents.message).toEqual(badgeMessage(badge));
    expect(requireBadge(contents)).toEqual(badge);
  });

  test("a standard badge takes 12 commands from an NTAG215", async () => {
    const contents = await readCard(present(ntagWithBadge("NTAG215", uid, badge)));
    expect(contents).toMatchObject({ uid, kind: "type2", badge, apduCount: 12 });
  });

  test("a small MLe takes more commands, a file without room for a long read as well", async () => {
    expect(await badgeOn(type4WithBadge({ uid, maxRead: 59 }, badge))).toEqual(badge);
    expect(await badgeOn(type4WithBadge({ uid, fileSize: 163 }, badge))).toEqual(badge);
  });

  test("a card that refuses to read beyond its message is asked for the length alone", async () => {
    const tag = type4WithBadge({ uid }, badge);
    const strict = present(tag, (command) => {
      const beyond = command[1] === 0xb0 && (command[3] ?? 0) + (command[4] ?? 0) > 163;
      return beyond ? fromHex("6700") : tag.apdu(command);
    });
    expect((await readCard(strict)).badge).toEqual(badge);
  });

  test("the compact profile fits an NTAG213 behind its lock control TLV", async () => {
    const compact = badge.subarray(0, 108);
    expect(await badgeOn(ntagWithBadge("NTAG213", uid, compact))).toEqual(compact);
    expect(() => ntagWithBadge("NTAG213", uid, badge)).toThrow("the card holds 137 bytes");
  });

  test("cards without a badge are empty, not broken", async () => {
    const contents = await readCard(present(virtualPhone(fromHex("08aabbcc"))));
    expect(contents).toMatchObject({ kind: "type4", badge: undefined, apduCount: 2 });
    expect(() => requireBadge(contents)).toThrow(expect.objectContaining({ code: "CARD_EMPTY" }) as Error);
    expect(await badgeOn(new VirtualNtag("NTAG216", uid))).toBeUndefined();
    expect(await badgeOn(new VirtualType4Tag({ uid }))).toBeUndefined();
    const unformatted = new VirtualNtag("NTAG215", uid);
    unformatted.restore(unformatted.memory().fill(0, 12, 16));
    expect(await badgeOn(unformatted)).toBeUndefined();
  });

  test("a MIFARE Classic card is not supported, without a single command", async () => {
    const card = present(virtualClassic(fromHex("01020304")), () => expect.fail("a command was sent"));
    expect(await codeOf(readCard(card))).toBe("CARD_UNSUPPORTED");
  });

  test.each([["NTAG215"], ["type4"]] as const)("a %s pulled before any of its commands is unreadable", async (kind) => {
    const make = (): VirtualCard =>
      kind === "type4" ? type4WithBadge({ uid }, badge) : ntagWithBadge(kind, uid, badge);
    const { apduCount } = await readCard(present(make()));
    for (let n = 1; n <= apduCount; n++) expect(await codeOf(readCard(pulledAt(make(), n)))).toBe("CARD_UNREADABLE");
    expect(await codeOf(readCard(pulledAt(make(), apduCount + 1)))).toBe("done");
  });

  test("answers of one byte, of the wrong length and lengths beyond all bounds are unreadable", async () => {
    const tag = ntagWithBadge("NTAG215", uid, badge);
    expect(await codeOf(readCard(present(tag, () => Uint8Array.of(0x90))))).toBe("CARD_UNREADABLE");
    expect(await codeOf(readCard(present(tag, () => fromHex("9000"))))).toBe("CARD_UNREADABLE");
    const long = new VirtualType4Tag({ uid, fileSize: 4000 });
    const file = long.file();
    file.set([0x0f, 0x00]);
    long.restore(file);
    expect(await codeOf(readCard(present(long)))).toBe("CARD_UNREADABLE");
    const memory = tag.memory();
    memory.set([0xe1, 0x10, 0xff, 0x00, 0x03, 0xff, 0x07, 0xe0], 12);
    tag.restore(memory);
    expect(await codeOf(readCard(present(tag)))).toBe("CARD_UNREADABLE");
  });

  test("a card that never answers is given up when the caller's signal says so", async () => {
    const silent = present(type4WithBadge({ uid }, badge), () => new Promise<Uint8Array>(() => undefined));
    const bound = new AbortController();
    const reading = codeOf(readCard(silent, { signal: bound.signal }));
    bound.abort(new Error("3 s are over"));
    expect(await reading).toBe("CARD_UNREADABLE");
    expect(await codeOf(readCard(present(type4WithBadge({ uid }, badge)), { signal: bound.signal }))).toBe(
      "CARD_UNREADABLE",
    );
  });

  test("any answers end in contents or a code, within a bounded number of commands", async () => {
    const noise = fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => (bytes.length % 3 ? Uint8Array.of(...bytes, 0x90, 0) : bytes));
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(noise, { minLength: 1, maxLength: 8 }), async (iso, answers) => {
        const virtual = iso ? new VirtualType4Tag({ uid }) : new VirtualNtag("NTAG215", uid);
        const card = present(virtual, (command, n) => {
          expect(n).toBeLessThan(1100);
          return n % 2 ? virtual.apdu(command) : (answers[n % answers.length] as Uint8Array);
        });
        expect(await codeOf(readCard(card))).toMatch(/^(done|CARD_UNREADABLE)$/);
      }),
    );
  });
});

describe("writing", () => {
  const kinds: readonly (readonly [string, (first?: Uint8Array) => VirtualCard])[] = [
    ["NTAG215", (first) => (first ? ntagWithBadge("NTAG215", uid, first) : new VirtualNtag("NTAG215", uid))],
    ["Type 4", (first) => (first ? type4WithBadge({ uid }, first) : new VirtualType4Tag({ uid }))],
    [
      "Type 4, MLc 50",
      (first) => (first ? type4WithBadge({ uid, maxWrite: 50 }, first) : new VirtualType4Tag({ uid, maxWrite: 50 })),
    ],
  ];

  test.each(kinds)("%s: an empty and a written card take a badge", async (_, make) => {
    for (const virtual of [make(), make(other)]) {
      await writeBadge(present(virtual), badge, { uid });
      expect(await badgeOn(virtual)).toEqual(badge);
    }
  });

  test.each(kinds)("%s: pulled at any command, it holds the old badge, none or the new one", async (_, make) => {
    const { apduCount } = await writeBadge(present(make(other)), badge);
    const seen = new Set<string>();
    for (let n = 1; n <= apduCount; n++) {
      const virtual = make(other);
      expect(await codeOf(writeBadge(pulledAt(virtual, n), badge))).toBe("CARD_UNREADABLE");
      virtual.reset();
      const held = await badgeOn(virtual);
      seen.add(
        held === undefined ? "none" : sameBytes(held, other) ? "old" : sameBytes(held, badge) ? "new" : "garbage",
      );
      await writeBadge(present(virtual), badge);
      expect(await badgeOn(virtual)).toEqual(badge);
    }
    expect(seen).toEqual(new Set(["old", "none", "new"]));
  });

  test("another card than the one the badge is bound to is left alone", async () => {
    const virtual = ntagWithBadge("NTAG215", uid, other);
    expect(await codeOf(writeBadge(present(virtual), badge, { uid: fromHex("04112233445566") }))).toBe("CARD_MISMATCH");
    expect(await badgeOn(virtual)).toEqual(other);
  });

  test("cards that are too small, read-only or without NDEF are refused before anything is written", async () => {
    const small = ntagWithBadge("NTAG213", uid, other.subarray(0, 90));
    expect(await codeOf(writeBadge(present(small), badge))).toBe("CARD_UNSUPPORTED");
    expect(await badgeOn(small)).toEqual(other.subarray(0, 90));
    const locked = new VirtualNtag("NTAG215", uid);
    locked.apdu(fromHex("ffd60003040000000f"));
    expect(await codeOf(writeBadge(present(locked), badge))).toBe("CARD_UNSUPPORTED");
    expect(await codeOf(writeBadge(present(new VirtualType4Tag({ uid, writable: false })), badge))).toBe(
      "CARD_UNSUPPORTED",
    );
    expect(await codeOf(writeBadge(present(virtualPhone(fromHex("08aabbcc"))), badge))).toBe("CARD_UNSUPPORTED");
  });

  test("a card that forgets what was written is found out", async () => {
    const virtual = new VirtualNtag("NTAG215", uid);
    const forgetful = present(virtual, (command) => (command[1] === 0xd6 ? fromHex("9000") : virtual.apdu(command)));
    expect(await codeOf(writeBadge(forgetful, badge))).toBe("CARD_UNREADABLE");
  });
});
