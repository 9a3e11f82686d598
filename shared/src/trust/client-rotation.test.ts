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

describe("R21: a hostile broker", () => {
  /** Signed by itself only, and full of keys that take long to judge. */
  const forged = (version: number) => {
    const thief = testSigner("thief");
    const keys = Array.from({ length: 20 }, (_, n) => testSigner(`of the thief ${n}`).publicKey);
    const roles = { ...SITE.root.roles, root: { threshold: 1, keys: [thief.publicKey, ...keys] } };
    return signRoot({ ...SITE.root, site: SITE.site, version, roles }, [thief]);
  };

  test("has no root read for which nobody vouches", () => {
    const client = SITE.client();
    expect(client.offer("root/2", forged(2), 0).outcome).toBe("THRESHOLD_NOT_MET");
    expect(client.offer("root/2", forged(9), 0).outcome).toBe("THRESHOLD_NOT_MET");
    expect(client.offer("root/3", Uint8Array.of(1), 0)).toMatchObject({ outcome: "waiting" });
    expect(client.offer("root/3", new Uint8Array(16_385), 0).outcome).toBe("OBJECT_TOO_LARGE");
    expect(client.offer("root/2", root2, 0).accepted.map(({ name }) => name)).toEqual(["root/2"]);
  });

  test("fills the place for what waits with no more than it could announce", () => {
    const client = SITE.client();
    const outcomes = Array.from({ length: 1_030 }, (_, n) => {
      const name = `status/${n.toString(16).padStart(8, "0")}`;
      return client.offer(name, Uint8Array.of(n % 256), 0).outcome;
    });
    expect(outcomes.filter((outcome) => outcome === "waiting")).toHaveLength(1_024);
    expect(outcomes.at(-1)).toBe("LIST_NOT_ANNOUNCED");
  });
});

test("an older link of the chain of roots is no rollback", () => {
  const client = SITE.client();
  client.offer("root/2", root2, 0);
  expect(client.offer("root/1", SITE.rootBytes, 0).outcome).toBe("repeated");
});
