import { DAY_MS, randomBytes, signerOf, statusListOver, toHex } from "@badgekey/shared";
import { beforeEach, describe, expect, test } from "vitest";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { type ChangeDeps, changeBadge } from "./change-badge.js";
import { type IssuingDeps, issueBadge } from "./issue-badge.js";
import { StatusBits } from "./status-bits.js";

const NOW = 1_800_000_000_000;
const why = { reason: "card lost", operator: "admin" };

let stores: TestStores;
let issuing: IssuingDeps;
let bits: StatusBits;
let published: { packed: Uint8Array; badges: readonly string[] }[];
let deps: ChangeDeps;

beforeEach(async () => {
  stores = await openTestStores();
  await stores.people.addPerson({ id: "ada", name: "Ada", email: null, campusId: null }, NOW);
  issuing = { store: stores.badges, issuer: signerOf(randomBytes(32)), clock: () => NOW };
  bits = await StatusBits.load(stores.badges, toHex(issuing.issuer.keyId));
  published = [];
  const publishStatus = () => {
    published.push(bits.snapshot());
    return Promise.resolve(published.length + 1);
  };
  deps = { store: stores.badges, bits, publishStatus, clock: () => NOW };
});

const issue = () =>
  issueBadge({ person: "ada", grants: [{ training: 1, level: 2, endsAt: NOW + 9 * DAY_MS }], unbound: true }, issuing);

const actions = () => stores.database.sql.selectFrom("staff_actions").selectAll().execute();

describe("changeBadge", () => {
  test("status, reason, operator and instant are one transaction, then the list is published", async () => {
    const { id, statusIndex } = await issue();
    const { badge, statusVersion } = await changeBadge(id, "revoke", why, deps);
    expect(badge).toMatchObject({ state: "revoked", reason: "card lost", statusVersion: 2 });
    expect(statusVersion).toBe(2);
    expect(await actions()).toMatchObject([
      { action: "revoke", operator: "admin", subject: id, reason: "card lost", at: NOW },
    ]);
    expect(statusListOver(published[0]?.packed ?? new Uint8Array(), 2).get(statusIndex)).toBe(1);
    expect(published[0]?.badges).toEqual([id]);
  });

  test("a transaction that fails changes nothing and publishes nothing", async () => {
    const { id } = await issue();
    await stores.database.sql.schema.dropTable("staff_actions").execute();
    await expect(changeBadge(id, "revoke", why, deps)).rejects.toThrow(/staff_actions/);
    expect((await stores.badges.badge(id))?.state).toBe("valid");
    expect(published).toEqual([]);
    expect(bits.isStale).toBe(false);
  });

  test("a hold can be lifted, a withdrawal cannot", async () => {
    const { id, statusIndex } = await issue();
    await changeBadge(id, "suspend", why, deps);
    await changeBadge(id, "reinstate", why, deps);
    expect(statusListOver(published[0]?.packed ?? new Uint8Array(), 2).get(statusIndex)).toBe(2);
    expect(statusListOver(published[1]?.packed ?? new Uint8Array(), 2).get(statusIndex)).toBe(0);
    await changeBadge(id, "revoke", why, deps);
    for (const action of ["reinstate", "suspend", "revoke"] as const) {
      await expect(changeBadge(id, action, why, deps)).rejects.toMatchObject({ code: "CONFLICT" });
    }
    await expect(changeBadge("nobody", "revoke", why, deps)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("what was committed but not yet in a published list is published after a restart", async () => {
    const [lost, held] = [await issue(), await issue()];
    await changeBadge(held.id, "suspend", why, deps);
    await stores.objects.save([], { version: 2, badges: [held.id] });
    const failing = { ...deps, publishStatus: () => Promise.reject(new Error("power cut")) };
    await expect(changeBadge(lost.id, "revoke", why, failing)).rejects.toThrow("power cut");
    await expect(changeBadge(held.id, "reinstate", why, failing)).rejects.toThrow("power cut");

    const loaded = await StatusBits.load(stores.badges, toHex(issuing.issuer.keyId));
    expect(loaded.isStale).toBe(true);
    const snapshot = loaded.snapshot();
    expect([...snapshot.badges].sort()).toEqual([lost.id, held.id].sort());
    const list = statusListOver(snapshot.packed, 2);
    expect([list.length, list.get(lost.statusIndex), list.get(held.statusIndex)]).toEqual([1 << 17, 1, 0]);
    expect(loaded.isStale).toBe(false);
    snapshot.putBack();
    expect(loaded.isStale).toBe(true);
  });
});
