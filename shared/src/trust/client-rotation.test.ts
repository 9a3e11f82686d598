import { describe, expect, test } from "vitest";
import { DAY_MS } from "../badge/badge.js";
import { TEST_EPOCH, testSigner, testSite } from "../testing/test-site.js";
import { TrustClient } from "./client.js";
import { signHeartbeat, signTimeAnswer } from "./heartbeat.js";
import { signRoot } from "./root.js";
import { clockAtBoot } from "./trusted-time.js";

const SITE = testSite();
const online2 = testSigner("online 2");
const root2 = signRoot(
  {
    ...SITE.root,
    site: SITE.site,
    version: 2,
    issuedAt: TEST_EPOCH + DAY_MS,
    roles: { ...SITE.root.roles, online: { threshold: 1, keys: [online2.publicKey] } },
  },
  [SITE.keys.root],
);

describe("a root that replaced the online key", () => {
  test("R15: lowers the floor once, when it comes, and not again at every start", () => {
    const floorAt = TEST_EPOCH + 40 * DAY_MS;
    const freshAt = TEST_EPOCH + 39 * DAY_MS;
    const clock = clockAtBoot(floorAt, freshAt, 0);
    const started = TrustClient.start(SITE.rootBytes, { site: SITE.site, agent: "laser-1", clock, monotonicMs: 0 });
    if (!started.ok) throw new Error(started.code);
    expect(started.value.restore([{ name: "root/2", bytes: root2 }], 0)).toMatchObject([{ outcome: "accepted" }]);
    expect(started.value.now(0)).toBe(floorAt);
    expect(started.value.clock.freshAt).toBe(freshAt);
  });

  test("forgets a time that the old key told for a heartbeat still to come", () => {
    const client = SITE.client();
    const nonce = new Uint8Array(16);
    const now = TEST_EPOCH + 300 * DAY_MS;
    client.askTime(nonce, 0);
    const told = signTimeAnswer({ now, nonce, heartbeatVersion: 5, agent: "laser-1" }, SITE.site, SITE.keys.online);
    expect(client.answerTime(told, 0).outcome).toBe("accepted");
    client.offer("root/2", root2, 0);
    const objects = new Map([...client.state.applied].filter(([name]) => name !== "root"));
    const times = { now: TEST_EPOCH + DAY_MS, expiresAt: TEST_EPOCH + 2 * DAY_MS };
    const next = signHeartbeat({ version: 6, ...times, objects }, SITE.site, online2);
    expect(client.offer("heartbeat", next, 0).outcome).toBe("accepted");
    expect(client.clock.freshAt).toBeLessThan(now);
  });
});
