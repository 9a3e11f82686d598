import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DAY_MS, signBadge, signerOf, toHex } from "@badgekey/shared";
import { TEST_EPOCH, testSite } from "@badgekey/shared/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeIo } from "../../testing/fake-io.js";
import { runCli } from "../main.js";

const AT = "2026-01-11T12:00:00Z";
const uid = Uint8Array.of(0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66);
const claims = {
  holder: "k3v9x2q7",
  issuedAt: TEST_EPOCH,
  expiresAt: TEST_EPOCH + 100 * DAY_MS,
  statusIndex: 17,
  grants: [
    { training: 1, level: 2, daysBefore: 0 },
    { training: 2, level: 3, daysBefore: 95 },
  ],
  cardUid: uid,
} as const;
const site = testSite({ statuses: { 18: "revoked", 19: "suspended" } });
const good = signBadge(claims, site.keys.issuer);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "badgekey-verify-"));
  await mkdir(join(dir, "site-state"));
  await mkdir(join(dir, "enrolment"));
  await writeFile(join(dir, "enrolment", "enrolment.json"), JSON.stringify({ roots: [toHex(site.rootBytes)] }));
  const lists = Object.entries(site.first);
  const heartbeat = site.heartbeat(site.first);
  await writeFile(join(dir, "site-state", "heartbeat.cose"), heartbeat);
  for (const [name, { bytes }] of lists) {
    await writeFile(join(dir, "site-state", `${name.replaceAll("/", "-")}.cose`), bytes);
  }
  const objects = [
    { name: "root/1", bytes: site.rootBytes },
    { name: "heartbeat", bytes: heartbeat },
    ...lists.map(([name, { bytes }]) => ({ name, bytes })),
  ].map(({ name, bytes }) => ({ name, bytes: toHex(bytes) }));
  await writeFile(join(dir, "state.json"), JSON.stringify({ objects }));
});
afterAll(() => rm(dir, { recursive: true }));

async function verify(badge: Uint8Array | string, ...more: string[]) {
  const io = fakeIo({ cwd: dir });
  const given = typeof badge === "string" ? badge : toHex(badge);
  const exit = await runCli(["badge", "verify", given, "--state", ".", "--at", AT, ...more], io);
  return { exit, ...io.written };
}

describe("badge verify", () => {
  test("prints the verdict and the claims for people", async () => {
    const { exit, data } = await verify(good);
    expect(exit).toBe(0);
    expect(data).toMatchInlineSnapshot(`
      "verdict       accepted
      means         a machine would accept it
      judged as of  2026-01-11 12:00
      site          bb67af381ec203b9
      issuer        Test makerspace (key 701ac19e)
      claims        signed by the issuer
      holder        k3v9x2q7
      issued        2026-01-01 00:00
      ends          2026-04-11 00:00
      status index  17
      trainings     laser: user until 2026-04-11
                    printer: trainer ended 2026-01-06
      card          04112233445566
      hash          8009e53a9167c29d
      "
    `);
  });

  test("prints the same facts as JSON, from a file of the gateway's answer", async () => {
    const { exit, data } = await verify(good, "--json", "--state", "state.json");
    expect(exit).toBe(0);
    expect(JSON.parse(data)).toMatchInlineSnapshot(`
      {
        "at": "2026-01-11T12:00:00.000Z",
        "claims": {
          "cardUid": "04112233445566",
          "expiresAt": "2026-04-11T00:00:00.000Z",
          "grants": [
            {
              "daysBefore": 0,
              "level": 2,
              "training": 1,
            },
            {
              "daysBefore": 95,
              "level": 3,
              "training": 2,
            },
          ],
          "holder": "k3v9x2q7",
          "holderKey": null,
          "issuedAt": "2026-01-01T00:00:00.000Z",
          "statusIndex": 17,
          "succeeds": null,
        },
        "grants": [
          {
            "ended": false,
            "endsAt": "2026-04-11T00:00:00.000Z",
            "level": 2,
            "slug": "laser",
            "training": 1,
          },
          {
            "ended": true,
            "endsAt": "2026-01-06T00:00:00.000Z",
            "level": 3,
            "slug": "printer",
            "training": 2,
          },
        ],
        "hash": "8009e53a9167c29d",
        "issuer": {
          "keyId": "701ac19e",
          "name": "Test makerspace",
        },
        "meaning": "a machine would accept it",
        "proven": true,
        "site": "bb67af381ec203b9751b81c64a5c20ca77db9d1ea1f37c32484ab1f2351bbf76",
        "verdict": "accepted",
      }
    `);
  });

  test.each([
    ["BADGE_EXPIRED", good, "2026-04-11T00:00:00Z"],
    ["BADGE_REVOKED", signBadge({ ...claims, statusIndex: 18 }, site.keys.issuer), AT],
    ["BADGE_SUSPENDED", signBadge({ ...claims, statusIndex: 19 }, site.keys.issuer), AT],
    ["STATUS_UNKNOWN", signBadge({ ...claims, statusIndex: 5000 }, site.keys.issuer), AT],
    ["SIGNATURE_INVALID", good.map((byte, i) => (i === good.length - 80 ? byte ^ 1 : byte)), AT],
    ["ISSUER_UNTRUSTED", signBadge(claims, signerOf(new Uint8Array(32).fill(7))), AT],
    ["BADGE_MALFORMED", new Uint8Array([1, 2, 3]), AT],
  ])("%s exits 1 and says what it means", async (code, bytes, at) => {
    const { exit, data, people } = await verify(bytes, "--json", "--at", at);
    expect(exit).toBe(1);
    expect(JSON.parse(data)).toMatchObject({ verdict: code });
    expect(people).toContain(`badgekey: error: ${code}: `);
  });

  test("another card's UID is a copy", async () => {
    expect(await verify(good, "--uid", "04:11:22:33:44:55:66")).toMatchObject({ exit: 0 });
    const { exit, data } = await verify(good, "--uid", "04112233445577", "--json");
    expect(exit).toBe(1);
    expect(JSON.parse(data)).toMatchObject({ verdict: "CARD_MISMATCH" });
  });

  test("reads a badge from a file, as bytes or as hex", async () => {
    await writeFile(join(dir, "badge.cwt"), good);
    await writeFile(join(dir, "badge.hex"), `${toHex(good)}\n`);
    expect(await verify("badge.cwt")).toMatchObject({ exit: 0 });
    expect(await verify("badge.hex")).toMatchObject({ exit: 0 });
  });

  test("a forged list of the state is refused by name", async () => {
    await writeFile(
      join(dir, "forged.json"),
      JSON.stringify({
        objects: [
          { name: "root/1", bytes: toHex(site.rootBytes) },
          { name: "heartbeat", bytes: toHex(testSite({ at: TEST_EPOCH + 1000 }).heartbeat(site.first)) },
        ],
      }),
    );
    const { exit, people } = await verify(good, "--state", "forged.json");
    expect(exit).toBe(1);
    expect(people).toContain("badgekey: error: heartbeat is refused");
  });

  test("a directory without root or lists says what to give", async () => {
    await mkdir(join(dir, "empty", "site-state"), { recursive: true });
    for (const [state, error] of [
      ["empty", "enrolment.json cannot be read"],
      ["enrolment", "holds no trust list"],
      ["nothing", "cannot be read"],
    ] as const) {
      const { exit, people } = await verify(good, "--state", state);
      expect(exit).toBe(1);
      expect(people).toContain(error);
      expect(people).toContain("badgekey: hint: give a machine controller's data directory");
    }
  });
});
