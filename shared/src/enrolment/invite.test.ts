import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64Url, toBase64Url } from "./base64url.js";
import { type Invite, decodeInvite, encodeInvite } from "./invite.js";

const invite: Invite = {
  url: "https://gateway.example:8443",
  agent: "laser-1",
  secret: new Uint8Array(16).fill(1),
  rootHash: new Uint8Array(32).fill(2),
  caHash: new Uint8Array(32).fill(3),
};

describe("invite", () => {
  test("survives the way to the Pi, with a line end behind it", () => {
    const line = encodeInvite(invite);
    expect(line).toMatch(/^badgekey1:[A-Za-z0-9_-]+$/);
    expect(decodeInvite(`  ${line}\r\n`)).toEqual({ ok: true, value: invite });
  });

  test.each([
    ["http to another computer", { url: "http://gateway.example" }],
    ["an address with a path", { url: "https://gateway.example/x" }],
    ["no agent id", { agent: "Laser 1" }],
    ["a short secret", { secret: new Uint8Array(15) }],
    ["a short hash", { rootHash: new Uint8Array(31) }],
  ])("is not made with %s", (_what, change) => {
    expect(() => encodeInvite({ ...invite, ...change })).toThrow(RangeError);
  });

  test("plain http is for this computer alone", () => {
    const local = { ...invite, url: "http://127.0.0.1:8080" };
    expect(decodeInvite(encodeInvite(local))).toEqual({ ok: true, value: local });
  });

  test("a damaged line is refused with INVITE_INVALID, whatever the damage", () => {
    const line = encodeInvite(invite);
    for (const bad of ["", "badgekey1:", "badgekey2:abcd", line.slice(0, -3), `${line}AAAA`, "badgekey1:****"]) {
      expect(decodeInvite(bad)).toMatchObject({ ok: false, code: "INVITE_INVALID" });
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => !decodeInvite(`badgekey1:${text}`).ok),
      { numRuns: 500 },
    );
  });
});

describe("base64url", () => {
  test("is the inverse of its decoder and agrees with Node's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  test("has one text for every value", () => {
    expect(fromBase64Url("AB")).toBeUndefined();
    expect(fromBase64Url("AA==")).toBeUndefined();
    expect(fromBase64Url("A")).toBeUndefined();
  });
});
