import { decodeInvite, randomBytes, signerOf, toHex } from "@badgekey/shared";
import { X509Certificate } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeRequest } from "../gateway-fixture.js";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { type EnrolmentDeps, enrolAgent, inviteAgent } from "./enrol.js";
import { type SiteCa, createSiteCa } from "./site-ca.js";

const NOW = Date.parse("2027-01-15T12:00:00Z");
const MINUTE_MS = 60_000;
const SITE = new Uint8Array(32).fill(3);

let ca: SiteCa;
let request: string;
let stores: TestStores;
let now: number;
let deps: EnrolmentDeps;

beforeAll(async () => {
  ca = await createSiteCa({ name: "test site", now: NOW });
  ({ request } = await makeRequest("laser-1"));
});

beforeEach(async () => {
  stores = await openTestStores();
  now = NOW;
  deps = { store: stores.enrolment, ca, site: SITE, url: () => "https://gateway.example:8443", clock: () => now };
});

async function invited(agent = "laser-1", minutes = 15) {
  const { line } = await inviteAgent(agent, minutes, deps);
  const invite = decodeInvite(line);
  return invite.ok ? invite.value : expect.fail(invite.detail);
}

function input(secret: Uint8Array, change: object = {}) {
  const agentKey = toHex(signerOf(randomBytes(32)).publicKey);
  return { agent: "laser-1", secret: toHex(secret), certificateRequest: request, agentKey, ...change };
}

const refused = (code: string) => expect.objectContaining({ code }) as unknown;

describe("enrolment", () => {
  test("the invite says whom to ask and whom to believe, and only the secret's hash is kept", async () => {
    const invite = await invited();
    expect(invite).toMatchObject({ url: "https://gateway.example:8443", agent: "laser-1", rootHash: SITE });
    expect(toHex(invite.caHash)).toBe(ca.certSha256);
    const rows = await stores.database.sql.selectFrom("invites").selectAll().execute();
    expect(Buffer.from(rows[0]?.secret_hash ?? []).equals(invite.secret)).toBe(false);
    expect(rows).toHaveLength(1);
  });

  test("an agent gets its certificate for 90 days, and its key is noted", async () => {
    const { secret } = await invited();
    const { certificate, key } = await enrolAgent(input(secret), deps);
    const read = new X509Certificate(certificate);
    expect(read.subject).toBe("CN=laser-1");
    expect(Date.parse(read.validTo) - NOW).toBe(90 * 86_400_000);
    const [agent] = await stores.machines.agents();
    expect(agent).toMatchObject({ id: "laser-1", key, certificateSerial: read.serialNumber });
  });

  test("an invite is good for one enrolment, also when two come at once", async () => {
    const { secret } = await invited();
    const both = await Promise.allSettled([enrolAgent(input(secret), deps), enrolAgent(input(secret), deps)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(enrolAgent(input(secret), deps)).rejects.toEqual(refused("INVITE_INVALID"));
  });

  test("is refused once expired, for another agent, with another secret, and after a newer invite", async () => {
    const first = await invited("laser-1", 5);
    now += 5 * MINUTE_MS;
    await expect(enrolAgent(input(first.secret), deps)).rejects.toEqual(refused("INVITE_INVALID"));
    const second = await invited();
    await expect(enrolAgent(input(second.secret, { agent: "saw-1" }), deps)).rejects.toEqual(refused("INVITE_INVALID"));
    await expect(enrolAgent(input(randomBytes(16)), deps)).rejects.toEqual(refused("INVITE_INVALID"));
    const third = await invited();
    await expect(enrolAgent(input(second.secret), deps)).rejects.toEqual(refused("INVITE_INVALID"));
    await expect(enrolAgent(input(third.secret), deps)).resolves.toBeDefined();
  });

  test("a request that cannot be certified does not use up the invite", async () => {
    const { secret } = await invited();
    const bad = input(secret, {
      certificateRequest: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
    });
    await expect(enrolAgent(bad, deps)).rejects.toEqual(refused("REQUEST_INVALID"));
    const small = input(secret, { agentKey: "01".padEnd(64, "0") });
    await expect(enrolAgent(small, deps)).rejects.toEqual(refused("REQUEST_INVALID"));
    await expect(enrolAgent(input(secret), deps)).resolves.toBeDefined();
  });
});
