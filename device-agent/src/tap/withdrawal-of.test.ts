import { STATUS, statusListOver } from "@badgekey/shared";
import { expect, test } from "vitest";
import { withdrawalOf } from "./withdrawal-of.js";

const issuer = Uint8Array.of(0xaa, 1, 2, 3);
const trust = { issuers: new Set(["aa010203"]) };
/** Four statuses: valid, revoked, suspended, superseded. */
const list = statusListOver(Uint8Array.of(0b11_10_01_00), 2);
const status = new Map([["aa010203", { list }]]);

test.each([
  ["valid", STATUS.valid, undefined],
  ["revoked", STATUS.revoked, "BADGE_REVOKED"],
  ["suspended", STATUS.suspended, "BADGE_SUSPENDED"],
  ["superseded: its holder's trainings go on in the successor", STATUS.superseded, undefined],
  ["beyond the end of the list", 4, undefined],
])("R10: a badge in use that is %s", (_title, statusIndex, expected) => {
  expect(withdrawalOf({ issuer, statusIndex }, { trust, status })).toBe(expected);
});

test("R10: a badge in use whose issuer is trusted no more is withdrawn, whatever its list says", () => {
  const dropped = { issuers: new Set(["bb000000"]) };
  expect(withdrawalOf({ issuer, statusIndex: STATUS.valid }, { trust: dropped, status })).toBe("ISSUER_UNTRUSTED");
});

test("R10: lists that are missing withdraw nothing", () => {
  expect(withdrawalOf({ issuer, statusIndex: STATUS.revoked }, { trust, status: new Map() })).toBeUndefined();
  expect(withdrawalOf({ issuer, statusIndex: STATUS.valid }, { status })).toBeUndefined();
  expect(withdrawalOf({ issuer, statusIndex: STATUS.revoked }, { status })).toBe("BADGE_REVOKED");
});
