import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../cbor/value.js";
import { badgeInMessage, decodeType2, decodeType4File } from "../ndef/index.js";
import { VirtualNtag, VirtualType4Tag, ntagWithBadge, type4WithBadge, virtualClassic, virtualPhone } from "./index.js";

const uid = fromHex("04e10cda993c80");
const badge = Uint8Array.from({ length: 100 }, (_, i) => i);
const send = (card: { apdu(command: Uint8Array): Uint8Array }, hex: string): string => toHex(card.apdu(fromHex(hex)));

describe("VirtualNtag", () => {
  test("shows the UID with its check bytes and the reader's ATR for Ultralight", () => {
    const card = new VirtualNtag("NTAG215", uid);
    expect(toHex(card.atr)).toBe("3b8f8001804f0ca0000003060300030000000068");
    expect(send(card, "ffca000000")).toBe("04e10cda993c809000");
    expect(send(card, "ffb0000010")).toBe("04e10c61da993c80ff480000e1103e009000");
  });

  test("reads at most 16 bytes, rolls over at the end and hides the password", () => {
    const card = new VirtualNtag("NTAG213", uid);
    expect(send(card, "ffb0002c10")).toBe("0000000004e10c61da993c80ff4800009000");
    expect(send(card, "ffd6002b0401020304")).toBe("9000");
    expect(send(card, "ffb0002b04")).toBe("000000009000");
    expect(send(card, "ffb0002d10")).toBe("6300");
    expect(send(card, "ffb0000411")).toBe("6700");
  });

  test("writes one page, and only those that are not locked", () => {
    const card = new VirtualNtag("NTAG213", uid);
    expect(send(card, "ffd600040401020304")).toBe("9000");
    expect(send(card, "ffb0000404")).toBe("010203049000");
    expect(send(card, "ffd60004080102030405060708")).toBe("6700");
    expect(send(card, "ffd600010401020304")).toBe("6300");
    expect(send(card, "ffd600020400001000")).toBe("9000");
    expect(send(card, "ffd6000404ffffffff")).toBe("6300");
    expect(send(card, "ffd60028040100007f")).toBe("9000");
    expect(send(card, "ffd6001004ffffffff")).toBe("6300");
    expect(send(card, "ffd6001104ffffffff")).toBe("6300");
    expect(send(card, "ffd6001204ffffffff")).toBe("9000");
  });

  test("one-time bits of the capability container stay", () => {
    const card = new VirtualNtag("NTAG215", uid);
    expect(send(card, "ffd60003040000000f")).toBe("9000");
    expect(send(card, "ffd600030400000000")).toBe("9000");
    expect(send(card, "ffb0000304")).toBe("e1103e0f9000");
  });

  test("a snapshot goes to another card without its UID", () => {
    const original = ntagWithBadge("NTAG215", uid, badge);
    const copy = new VirtualNtag("NTAG215", fromHex("04112233445566"));
    copy.restore(original.snapshot());
    expect(badgeInMessage(decodeType2(copy.memory()).ndef?.message ?? new Uint8Array(0))).toEqual(badge);
    expect(send(copy, "ffca000000")).toBe("041122334455669000");
    expect(() => new VirtualNtag("NTAG216", uid).restore(original.snapshot())).toThrow("not a snapshot of an NTAG216");
  });
});

describe("VirtualType4Tag", () => {
  const select = ["00a4040007d276000085010100", "00a4000c02e104"];

  test("wants the application selected before files, and forgets it with the field", () => {
    const card = type4WithBadge({ uid }, badge);
    expect(toHex(card.atr)).toBe("3b80800101");
    expect(send(card, "00a4000c02e104")).toBe("6a82");
    expect(send(card, "00b0000002")).toBe("6986");
    expect(select.map((command) => send(card, command))).toEqual(["9000", "9000"]);
    expect(send(card, "00b0000002")).toBe("00769000");
    card.reset();
    expect(send(card, "00b0000002")).toBe("6986");
  });

  test("honours MLe, MLc and the end of the file", () => {
    const card = new VirtualType4Tag({ uid, maxRead: 20, maxWrite: 4, fileSize: 30 });
    for (const command of select) send(card, command);
    expect(send(card, "00b0000015")).toBe("6700");
    expect(send(card, "00d60000050000000000")).toBe("6700");
    expect(send(card, "00d600000400021122")).toBe("9000");
    expect(decodeType4File(card.file())).toEqual(fromHex("1122"));
    expect(send(card, "00b0001c14")).toBe("00006282");
    expect(send(card, "00b0001e01")).toBe("6b00");
    expect(send(card, "00d6001d040000ffff")).toBe("6b00");
  });

  test("refuses writes to the capability container and to a read-only file", () => {
    const card = new VirtualType4Tag({ uid, writable: false });
    for (const command of select) send(card, command);
    expect(send(card, "00d60000020000")).toBe("6982");
    send(card, "00a4000c02e103");
    expect(send(card, "00b000000f")).toBe("000f2000f600f60406e104020000ff9000");
    expect(send(card, "00d60000020000")).toBe("6982");
  });

  test("a snapshot goes to another card", () => {
    const copy = new VirtualType4Tag({ uid: fromHex("04112233445566") });
    copy.restore(type4WithBadge({ uid }, badge).snapshot());
    expect(badgeInMessage(decodeType4File(copy.file()))).toEqual(badge);
  });
});

test("bare cards show their UID and nothing else", () => {
  expect(send(virtualPhone(fromHex("08aabbcc")), "ffca000000")).toBe("08aabbcc9000");
  expect(send(virtualPhone(fromHex("08aabbcc")), "00a4040007d276000085010100")).toBe("6a82");
  expect(toHex(virtualClassic(fromHex("01020304")).atr)).toBe("3b8f8001804f0ca000000306030001000000006a");
});
