import {
  DAY_MS,
  TrustClient,
  type Signer,
  sha256,
  signHeartbeat,
  signRoot,
  signTimeAnswer,
  signTrustList,
  toHex,
} from "@badgekey/shared";
import { TEST_EPOCH, testSigner, testSite } from "@badgekey/shared/testing";
import { describe, expect, test } from "vitest";

const SITE = testSite();
const { keys, site, root, first, listName } = SITE;
const nonce = new Uint8Array(16).fill(3);

function fresh(): TrustClient {
  const started = TrustClient.start(SITE.rootBytes, { site, agent: "laser-1", monotonicMs: 0 });
  if (!started.ok) throw new Error(started.code);
  return started.value;
}

function answer(now: number, heartbeatVersion = 1, by: Signer = keys.online): Uint8Array {
  return signTimeAnswer({ agent: "laser-1", now, nonce, heartbeatVersion }, site, by);
}

describe("the client workflow, SPEC 5", () => {
  test("objects that arrive before their heartbeat wait, and come into force with it in the right order", () => {
    const client = fresh();
    expect(client.offer(listName, first[listName]!.bytes, 0).outcome).toBe("waiting");
    expect(client.offer("policy", first.policy.bytes, 0).outcome).toBe("waiting");
    expect(client.offer("trust", first.trust.bytes, 0).outcome).toBe("waiting");
    const offer = client.offer("heartbeat", SITE.heartbeat(first), 0);
    expect(offer.accepted.map(({ name }) => name)).toEqual(["heartbeat", "trust", "policy", listName]);
    expect(client.state.status.get(SITE.issuerId)?.version).toBe(1);
  });

  test("rollback: an older heartbeat and an older list are refused", () => {
    const client = SITE.client();
    const status2 = SITE.status(2, { 7: "revoked" });
    const next = { ...first, [listName]: { version: 2, bytes: status2 } };
    expect(client.offer("heartbeat", SITE.heartbeat(next, 2, TEST_EPOCH + 60_000), 60_000).outcome).toBe("accepted");
    expect(client.offer(listName, status2, 60_000).outcome).toBe("accepted");
    expect(client.offer("heartbeat", SITE.heartbeat(first, 1), 60_000).outcome).toBe("LIST_ROLLED_BACK");
    expect(client.offer(listName, first[listName]!.bytes, 60_000).outcome).toBe("LIST_ROLLED_BACK");
    expect(client.offer("heartbeat", SITE.heartbeat(first, 3, TEST_EPOCH + 61_000), 61_000).outcome).toBe(
      "LIST_ROLLED_BACK",
    );
  });

  test("mix and match: a list of the announced version with other bytes is an equivocation", () => {
    const client = SITE.client();
    const next = { ...first, [listName]: { version: 2, bytes: SITE.status(2, { 7: "revoked" }) } };
    client.offer("heartbeat", SITE.heartbeat(next, 2), 0);
    expect(client.offer(listName, SITE.status(2, { 8: "revoked" }), 0).outcome).toBe("LIST_EQUIVOCATED");
  });

  test("an equal version with the same bytes is a repeat and changes nothing", () => {
    const client = SITE.client();
    const before = client.state;
    for (const [name, { bytes }] of Object.entries(first))
      expect(client.offer(name, bytes, 0).outcome).toBe("repeated");
    expect(client.offer("heartbeat", SITE.heartbeat(first), 0).outcome).toBe("repeated");
    expect(client.state).toBe(before);
  });

  test("freeze: a heartbeat past its end is refused, and does not refresh", () => {
    const client = SITE.client();
    expect(client.offer("heartbeat", SITE.heartbeat(first, 2, TEST_EPOCH), 2 * DAY_MS).outcome).toBe("OBJECT_EXPIRED");
  });

  test("a gateway clock in 2036: the heartbeat waits, and is released by a time answer that agrees", () => {
    const client = SITE.client();
    const late = TEST_EPOCH + 30 * DAY_MS;
    expect(client.offer("heartbeat", SITE.heartbeat(first, 2, late), 0)).toMatchObject({
      outcome: "waiting",
      detail: "TIME_IMPLAUSIBLE",
    });
    client.askTime(nonce, 0);
    const offer = client.answerTime(answer(late, 2), 500);
    expect(offer.outcome).toBe("accepted");
    expect(offer.accepted.map(({ name }) => name)).toEqual(["heartbeat"]);
    expect(client.clock).toMatchObject({ state: "synced", freshAt: late });
  });

  test("a time past the trust list's end is refused even as an answer", () => {
    const client = SITE.client();
    client.askTime(nonce, 0);
    expect(client.answerTime(answer(TEST_EPOCH + 401 * DAY_MS), 0).outcome).toBe("TIME_IMPLAUSIBLE");
    expect(client.clock.state).toBe("untrusted");
  });

  test("a time answer counts once, for the open nonce, within ten seconds", () => {
    const client = SITE.client();
    expect(client.answerTime(answer(TEST_EPOCH), 0).outcome).toBe("NONCE_UNKNOWN");
    client.askTime(nonce, 0);
    expect(client.answerTime(answer(TEST_EPOCH), 10_001).outcome).toBe("NONCE_UNKNOWN");
    client.askTime(nonce, 20_000);
    expect(client.answerTime(answer(TEST_EPOCH + 20_000), 20_100).outcome).toBe("accepted");
    expect(client.answerTime(answer(TEST_EPOCH + 20_000), 20_200).outcome).toBe("NONCE_UNKNOWN");
  });

  test("an answer for a heartbeat that is not held refreshes only once that heartbeat has arrived", () => {
    const client = SITE.client();
    client.askTime(nonce, 0);
    client.answerTime(answer(TEST_EPOCH + 1000, 2), 100);
    expect(client.clock.freshAt).toBe(0);
    client.offer("heartbeat", SITE.heartbeat(first, 2, TEST_EPOCH + 1000), 200);
    expect(client.clock.freshAt).toBe(TEST_EPOCH + 1000);
  });

  test("heartbeats alone never refresh: a stream delivered 24 h late leaves staleness growing", () => {
    const client = SITE.client();
    for (let hour = 1; hour <= 24; hour++) {
      const at = TEST_EPOCH + hour * 3_600_000;
      expect(client.offer("heartbeat", SITE.heartbeat(first, 1 + hour, at), hour * 3_600_000).outcome).toBe("accepted");
    }
    expect(client.clock.freshAt).toBe(0);
  });

  test("root rotation: signed by old and new; a new online key forgets heartbeat, its version and the floor", () => {
    const client = SITE.client();
    client.offer("heartbeat", SITE.heartbeat(first, 900, TEST_EPOCH + 20 * 3_600_000), 0);
    const online2 = testSigner("online 2");
    const root2 = {
      ...root,
      site,
      version: 2,
      issuedAt: TEST_EPOCH + 1000,
      roles: { ...root.roles, online: { threshold: 1, keys: [online2.publicKey] } },
    };
    const offer = client.offer("root/2", signRoot(root2, [keys.root]), 0);
    expect(offer).toMatchObject({ outcome: "accepted", removed: ["heartbeat"] });
    expect(client.now(0)).toBe(TEST_EPOCH + 1000);
    const recovered = signHeartbeat(
      {
        version: 1,
        now: TEST_EPOCH + 2000,
        expiresAt: TEST_EPOCH + DAY_MS,
        objects: client.state.applied.size
          ? new Map([...client.state.applied].filter(([name]) => name !== "root"))
          : new Map(),
      },
      site,
      online2,
    );
    expect(client.offer("heartbeat", recovered, 0).outcome).toBe("accepted");
    expect(client.offer("heartbeat", SITE.heartbeat(first, 901), 0).outcome).toBe("SIGNER_UNTRUSTED");
  });

  test("root rotation by one key only, by a stranger, or skipping a version is refused", () => {
    const next = testSigner("root 2");
    const root2 = {
      ...root,
      site,
      version: 2,
      roles: { ...root.roles, root: { threshold: 1, keys: [next.publicKey] } },
    };
    expect(fresh().offer("root/2", signRoot(root2, [keys.root]), 0).outcome).toBe("THRESHOLD_NOT_MET");
    expect(fresh().offer("root/2", signRoot(root2, [next]), 0).outcome).toBe("THRESHOLD_NOT_MET");
    expect(fresh().offer("root/2", signRoot(root2, [keys.root, next]), 0).outcome).toBe("accepted");
    const client = fresh();
    const root3 = signRoot({ ...root2, version: 3 }, [next]);
    expect(client.offer("root/3", root3, 0).outcome).toBe("waiting");
    expect(client.offer("root/2", signRoot(root2, [keys.root, next]), 0).accepted.map(({ name }) => name)).toEqual([
      "root/2",
      "root/3",
    ]);
  });

  test("two signatures of one key do not make a threshold of two", () => {
    const second = testSigner("root b");
    const two = {
      ...root,
      roles: { ...root.roles, root: { threshold: 2, keys: [keys.root.publicKey, second.publicKey] } },
    };
    const once = signRoot(two, [keys.root, keys.root]);
    expect(TrustClient.start(once, { site: sha256(once), agent: "laser-1", monotonicMs: 0 })).toMatchObject({
      ok: false,
      code: "THRESHOLD_NOT_MET",
    });
    const both = signRoot(two, [keys.root, second]);
    expect(TrustClient.start(both, { site: sha256(both), agent: "laser-1", monotonicMs: 0 }).ok).toBe(true);
  });

  test("removing an issuer removes its list, and changing its status key does too", () => {
    for (const change of [
      { issuers: [] },
      { issuers: [{ ...SITE.issuer, statusKey: testSigner("status 2").publicKey }] },
    ]) {
      const client = SITE.client();
      const trust2 = signTrustList(
        { version: 2, issuedAt: TEST_EPOCH, expiresAt: TEST_EPOCH + 400 * DAY_MS, ...change },
        site,
        keys.trust,
      );
      client.offer("heartbeat", SITE.heartbeat({ ...first, trust: { version: 2, bytes: trust2 } }, 2), 0);
      expect(client.offer("trust", trust2, 0)).toMatchObject({ outcome: "accepted", removed: [listName] });
      expect(client.state.status.size).toBe(0);
    }
  });

  test("what was cached comes back after a restart, ends not checked, damage skipped", () => {
    const client = fresh();
    const bytes = [
      { name: "heartbeat", bytes: SITE.heartbeat(first) },
      ...Object.entries(first).map(([name, one]) => ({ name, bytes: one.bytes })),
    ];
    const damaged = bytes.map((one) => (one.name === "policy" ? { ...one, bytes: one.bytes.slice(0, -1) } : one));
    expect(client.restore(damaged, 500 * DAY_MS).map(({ outcome }) => outcome)).toEqual([
      "accepted",
      "accepted",
      "OBJECT_MALFORMED",
      "accepted",
    ]);
    expect(client.state.policy).toBeUndefined();
  });

  test("a list in force that the heartbeat had run ahead of is in force again after a restart", () => {
    const client = fresh();
    const status2 = SITE.status(2, { 7: "revoked" });
    const ahead = SITE.heartbeat({ ...first, [listName]: { version: 2, bytes: status2 } }, 2, TEST_EPOCH + 1000);
    const cached = [
      { name: "heartbeat", bytes: ahead },
      ...Object.entries(first).map(([name, one]) => ({ name, bytes: one.bytes })),
    ];
    expect(client.restore(cached, 0).map(({ outcome }) => outcome)).toEqual(Array(4).fill("accepted"));
    expect(client.state.status.get(SITE.issuerId)?.version).toBe(1);
    expect(client.offer(listName, status2, 0).outcome).toBe("accepted");
  });

  test("after a rotation of the online key the lists in force outlive the restart, without any heartbeat", () => {
    const client = fresh();
    const lists = Object.entries(first).map(([name, one]) => ({ name, bytes: one.bytes }));
    expect(client.restore(lists, 0).map(({ outcome }) => outcome)).toEqual(Array(3).fill("accepted"));
  });

  test("every object in every other's place: none accepted", () => {
    const objects: Record<string, Uint8Array> = {
      "root/2": signRoot({ ...root, site, version: 2 }, [keys.root]),
      heartbeat: SITE.heartbeat(first, 2),
      trust: SITE.trust(2),
      policy: SITE.policy(2),
      [listName]: SITE.status(2),
      "time answer": answer(TEST_EPOCH),
      badge: SITE.badge(),
    };
    for (const [name, bytes] of Object.entries(objects)) {
      for (const place of ["root/2", "heartbeat", "trust", "policy", listName, `directory/${SITE.issuerId}/0`]) {
        if (place === name) continue;
        const client = SITE.client();
        const before = client.state;
        expect(["accepted", "repeated", "waiting"]).not.toContain(client.offer(place, bytes, 0).outcome);
        expect(client.state).toBe(before);
      }
    }
  });

  test("every role's key in every other role: none accepted", () => {
    for (const [name, key] of Object.entries(keys)) {
      if (name !== "trust") {
        const forged = signTrustList(
          { version: 2, issuedAt: TEST_EPOCH, expiresAt: TEST_EPOCH + DAY_MS, issuers: [SITE.issuer] },
          site,
          key,
        );
        expect(SITE.client().offer("trust", forged, 0).outcome).toBe("SIGNER_UNTRUSTED");
      }
      if (name !== "online") {
        const forged = signHeartbeat(
          { version: 2, now: TEST_EPOCH, expiresAt: TEST_EPOCH + DAY_MS, objects: new Map() },
          site,
          key,
        );
        expect(SITE.client().offer("heartbeat", forged, 0).outcome).toBe("SIGNER_UNTRUSTED");
      }
    }
  });

  test("a flood of waiting objects is bounded", () => {
    const client = fresh();
    const big = SITE.trust(2);
    let held = 0;
    for (let i = 0; i < 200; i++)
      if (
        client.offer(`directory/${toHex(sha256(Uint8Array.of(i)).subarray(0, 4))}/0`, new Uint8Array(60_000), 0)
          .outcome === "waiting"
      )
        held++;
    expect(held * 60_000).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(client.offer("trust", big, 0).outcome).toBe("waiting");
  });
});
