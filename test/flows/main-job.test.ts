import { setTimeout as after } from "node:timers/promises";
import { type BadgeView, DAY_MS, type LogView, type ReceiptsView } from "@badgekey/shared";
import { ntagWithBadge, testSite } from "@badgekey/shared/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BenchGateway, startGateway } from "../bench.js";
import { SimulatedMachine, issueCard } from "./simulated-machine.js";

/**
 * Real gateway, real agents, simulated hardware. Every wait is for something that must come, within the test's time.
 */
describe("the main job with real processes", () => {
  let gateway: BenchGateway;
  let laser: SimulatedMachine;
  let ada: string;

  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.call("POST", "/api/v1/trainings", { slug: "laser", name: "Laser cutter" });
    await gateway.call("POST", "/api/v1/trainings", { slug: "saw", name: "Band saw" });
    ada = ((await gateway.call("POST", "/api/v1/people", { name: "Ada Lovelace" })) as { id: string }).id;
    laser = await SimulatedMachine.start(gateway, "laser-1", {
      preset: "laser",
      policy: { untrustedClock: "allow" },
      requires: [{ training: "laser", level: 2 }],
    });
  }, 60_000);

  afterAll(async () => {
    await laser[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  /** Asks until the log holds what is looked for. */
  async function logged(query: string, enough: (rows: readonly LogView[]) => boolean): Promise<readonly LogView[]> {
    for (;;) {
      const { rows } = (await gateway.call("GET", `/api/v1/log?machine=laser-1&limit=1000&${query}`)) as {
        rows: LogView[];
      };
      if (enough(rows)) return rows;
      await after(20);
    }
  }

  async function seenByLaser(badge: BadgeView): Promise<void> {
    for (;;) {
      const { seenBy } = (await gateway.call("GET", `/api/v1/badges/${badge.id}/receipts`)) as ReceiptsView;
      if (seenBy.includes("laser-1")) return;
      await after(20);
    }
  }

  test("a badge withdrawn during a use: the use goes on, the next tap is refused, and all of it is logged once", async () => {
    const { badge, card } = await issueCard(gateway, ada, [{ training: "laser" }]);
    expect(await laser.tap(card)).toBe("ACCEPTED");
    await laser.until(({ relay }) => relay === "closed");
    await gateway.call("POST", `/api/v1/badges/${badge.id}/revoke`, { reason: "lost" });
    await seenByLaser(badge);
    expect(laser.bench.state.relay).toBe("closed");
    const other = await issueCard(gateway, ada, [{ training: "saw" }]);
    await laser.tap(other.card);
    expect(laser.bench.state.relay).toBe("closed");
    await laser.restsBeyondBounce();
    await laser.tap(card);
    await laser.until(({ relay }) => relay === "open");
    await laser.restsBeyondBounce();
    expect(await laser.tap(card)).toBe("BADGE_REVOKED");
    expect(laser.bench.state.screen?.tone).toBe("refused");
    const rows = await logged("kind=tapRefused&code=BADGE_REVOKED", (found) => found.length > 0);
    expect(rows).toHaveLength(1);
    expect(await logged("kind=sessionEnded", (found) => found.length > 0)).toHaveLength(1);
  }, 60_000);

  test("R5: an agent killed in mid-use opens the relay, and comes back without the use", async () => {
    const { card } = await issueCard(gateway, ada, [{ training: "laser" }]);
    expect(await laser.tap(card)).toBe("ACCEPTED");
    await laser.until(({ relay }) => relay === "closed");
    await laser.kill();
    await laser.until(({ relay }) => relay !== "closed");
    await laser.restart();
    expect(laser.bench.state.relay).not.toBe("closed");
    const rows = await logged("kind=sessionEnded", (found) => found.some(({ reason }) => reason === "interrupted"));
    expect(rows.filter(({ reason }) => reason === "interrupted")).toHaveLength(1);
  }, 60_000);

  test("a gateway killed and started again holds every record exactly once", async () => {
    const before = (await logged("kind=tapRefused&code=TRAINING_MISSING", () => true)).length;
    await gateway.kill();
    const elsewhere = testSite({ at: Date.now() - DAY_MS });
    const cards = [1, 2, 3, 4, 5].map((last) => {
      const uid = Uint8Array.of(4, 1, 2, 3, 4, 5, last);
      return ntagWithBadge("NTAG215", uid, elsewhere.badge({ cardUid: uid }));
    });
    for (const card of cards) expect(await laser.tap(card)).toBe("ISSUER_UNTRUSTED");
    await gateway.restart();
    const rows = await logged("kind=tapRefused&code=ISSUER_UNTRUSTED", (found) => found.length >= cards.length);
    expect(rows).toHaveLength(cards.length);
    expect((await logged("kind=tapRefused&code=TRAINING_MISSING", () => true)).length).toBe(before);
    const verified = (await gateway.call("GET", "/api/v1/log/verify")) as { problems: unknown[] };
    expect(verified.problems).toEqual([]);
  }, 60_000);
});
