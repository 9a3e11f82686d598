import { readCard, writeBadge } from "@badgekey/device-agent";
import { fromHex } from "@badgekey/shared";
import { VirtualNtag, VirtualType4Tag } from "@badgekey/shared/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Field } from "./field.js";
import { Pcscd } from "./pcscd.js";

const uid = fromHex("04e10cda993c80");
const badge = Uint8Array.from({ length: 143 }, (_, i) => (i * 13 + 5) & 0xff);
let pcscd: Pcscd;

beforeAll(async () => {
  pcscd = await Pcscd.start();
});
afterAll(() => pcscd.stop());

describe("a badge is written and read back through pcscd", () => {
  test.each([
    ["Type 4 tag", new VirtualType4Tag({ uid, maxRead: 165 }), 6],
    ["NTAG215", new VirtualNtag("NTAG215", uid), 12],
  ])("%s", async (_, virtual, apduLimit) => {
    await using field = Field.start();
    await field.next("readerReady");
    const written = await field.tap(virtual, (card) => writeBadge(card, badge, { uid }));
    expect(written.uid).toEqual(uid);
    const contents = await field.tap(virtual, (card) => readCard(card));
    expect(contents.badge).toEqual(badge);
    expect(contents.uid).toEqual(uid);
    expect(contents.apduCount).toBeLessThanOrEqual(apduLimit);
  });
});
