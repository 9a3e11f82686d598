import {
  BADGE_MAX_LIFE_MS,
  DAY_MS,
  decodeSign1,
  type Level,
  randomBytes,
  readClaims,
  signerOf,
  toHex,
} from "@badgekey/shared";
import { beforeEach, describe, expect, test } from "vitest";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { type IssuingDeps, bindToCard, issueBadge } from "./issue-badge.js";
import type { Badge } from "./ports.js";

const NOW = Date.parse("2027-01-15T12:00:00Z");
const CARD = "04a1b2c3d4e5f6";
const YEAR = 365 * DAY_MS;

let stores: TestStores;
let deps: IssuingDeps;

beforeEach(async () => {
  stores = await openTestStores();
  await stores.people.addPerson({ id: "ada", name: "Ada", email: null, campusId: null }, NOW);
  await stores.people.addPerson({ id: "bob", name: "Bob", email: null, campusId: null }, NOW);
  deps = { store: stores.badges, issuer: signerOf(randomBytes(32)), clock: () => NOW };
});

function grants(count: number, endsAt = NOW + YEAR): { training: number; level: Level; endsAt: number }[] {
  return Array.from({ length: count }, (_, index) => ({ training: index + 1, level: 2, endsAt }));
}

function claimsOf({ bytes }: Pick<Badge, "bytes">) {
  return readClaims(decodeSign1(bytes ?? new Uint8Array()).payload ?? new Uint8Array());
}

describe("issueBadge", () => {
  test("signs a badge bound to its card that says what was granted", async () => {
    const badge = await issueBadge({ person: "ada", grants: grants(2), cardUid: CARD }, deps);
    expect(badge).toMatchObject({ state: "valid", cardUid: CARD, issuer: toHex(deps.issuer.keyId) });
    expect(claimsOf(badge)).toMatchObject({
      holder: badge.pseudonym,
      issuedAt: NOW,
      expiresAt: NOW + YEAR,
      statusIndex: badge.statusIndex,
      cardUid: Uint8Array.from(Buffer.from(CARD, "hex")),
    });
    expect(await stores.badges.badge(badge.id)).toEqual(badge);
  });

  test("a standard badge of six grants with a 3-byte index has at most 143 bytes", async () => {
    const high = (length: number) => (length === 3 ? Uint8Array.of(1, 0xff, 0xff) : randomBytes(length));
    const badge = await issueBadge({ person: "ada", grants: grants(6), cardUid: CARD }, { ...deps, random: high });
    expect(badge.statusIndex).toBe(0x1ffff);
    expect(badge.bytes?.length).toBeLessThanOrEqual(143);
  });

  test("never gives an index or a pseudonym twice, whatever the dice say", async () => {
    // Dice for the index (3 bytes) that show the same number nine times out of ten.
    let rolls = 0;
    const stuck = (length: number) => (length === 3 && rolls++ % 10 < 9 ? Uint8Array.of(0, 7, 7) : randomBytes(length));
    const badges: Badge[] = [];
    for (let i = 0; i < 20; i++)
      badges.push(await issueBadge({ person: "ada", grants: grants(1) }, { ...deps, random: stuck }));
    expect(new Set(badges.map(({ statusIndex }) => statusIndex)).size).toBe(20);
    expect(new Set(badges.map(({ pseudonym }) => pseudonym)).size).toBe(20);
  });

  test("the intent is committed before anything is signed", async () => {
    const held: (string | undefined)[] = [];
    const issuer = {
      ...deps.issuer,
      sign: (message: Uint8Array) => {
        held.push("signed");
        return deps.issuer.sign(message);
      },
    };
    const store = {
      ...stores.badges,
      reserve: async (reservation: Parameters<typeof stores.badges.reserve>[0]) => {
        const done = await stores.badges.reserve(reservation);
        held.push((await stores.badges.badge(reservation.id))?.state);
        return done;
      },
    };
    await issueBadge({ person: "ada", grants: grants(1), unbound: true }, { ...deps, issuer, store });
    expect(held).toEqual(["awaitingCard", "signed"]);
  });

  test.each([
    ["4 bytes, which anyone can copy", "04a1b2c3", "REQUEST_INVALID"],
    ["10 bytes", "04a1b2c3d4e5f6a7b8c9", "REQUEST_INVALID"],
    ["a random number", "08a1b2c3d4e5f6", "REQUEST_INVALID"],
  ])("refuses to bind to a card of %s", async (_what, cardUid, code) => {
    await expect(issueBadge({ person: "ada", grants: grants(1), cardUid }, deps)).rejects.toMatchObject({ code });
    expect(await stores.badges.countBadges()).toBe(0);
  });

  test("refuses a card that carries somebody else's badge, until that one is withdrawn", async () => {
    const first = await issueBadge({ person: "ada", grants: grants(1), cardUid: CARD }, deps);
    const forBob = { person: "bob", grants: grants(1), cardUid: CARD };
    await expect(issueBadge(forBob, deps)).rejects.toMatchObject({ code: "CONFLICT" });
    const action = { action: "revoke", operator: "admin", reason: "left", at: NOW } as const;
    await stores.badges.changeState(first.id, ["valid"], "revoked", action);
    await expect(issueBadge(forBob, deps)).resolves.toMatchObject({ state: "valid" });
  });

  test("a badge waits unsigned for its card, is signed for that card once, and for no other", async () => {
    const waiting = await issueBadge({ person: "ada", grants: grants(1) }, deps);
    expect(waiting).toMatchObject({ state: "awaitingCard", bytes: null });
    const bound = await bindToCard(waiting.id, CARD, deps);
    expect(claimsOf(bound)?.cardUid).toEqual(Uint8Array.from(Buffer.from(CARD, "hex")));
    expect((await bindToCard(waiting.id, CARD, deps)).bytes).toEqual(bound.bytes);
    await expect(bindToCard(waiting.id, "04ffffffffffff", deps)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(bindToCard("nobody", CARD, deps)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("lives at most 400 days, however long the trainings hold", async () => {
    const badge = await issueBadge({ person: "ada", grants: grants(1, NOW + 10 * YEAR), unbound: true }, deps);
    expect(badge.expiresAt - (badge.issuedAt ?? 0)).toBe(BADGE_MAX_LIFE_MS);
  });
});
