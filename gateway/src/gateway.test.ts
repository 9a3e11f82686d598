import {
  type AgentView,
  type BadgeView,
  type JobView,
  type LogView,
  type PersonView,
  fromHex,
  openCommand,
  readClaims,
  decodeSign1,
  sameBytes,
  verifyBadge,
} from "@badgekey/shared";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type TestGateway, TestAgent, enrolTestAgent, startTestGateway } from "./gateway-fixture.js";

let gateway: TestGateway | undefined;
const agents: TestAgent[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  await gateway?.stop();
  gateway = undefined;
});

async function start(): Promise<TestGateway> {
  gateway = await startTestGateway();
  return gateway;
}

async function connect(...given: Parameters<typeof TestAgent.connect>): Promise<TestAgent> {
  const agent = await TestAgent.connect(...given);
  agents.push(agent);
  return agent;
}

async function setUpLaser(site: TestGateway) {
  await site.call("POST", "/trainings", { slug: "laser", name: "Laser cutter" });
  const laser = { id: "laser-1", name: "Laser", preset: "laser", requires: [{ training: "laser" }] };
  const machine = await site.call("POST", "/machines", laser);
  expect(machine.status).toBe(201);
  const { body: ada } = await site.call<PersonView>("POST", "/people", { name: "Ada Example" });
  return ada;
}

describe("gateway", () => {
  test("start → enrol → publish → issue → ingest → acknowledge → revoke, with a real agent", async () => {
    const site = await start();
    const ada = await setUpLaser(site);
    const agent = await connect(await enrolTestAgent(site, "laser-1"));

    // Publish: the trust client reaches the whole state, and the time answer makes it fresh.
    await agent.until(() => agent.trust.state.applied.size === 5);
    await agent.synchronise();
    expect([...agent.trust.state.applied.keys()].sort()).toEqual([
      "heartbeat",
      "policy",
      "root",
      expect.stringMatching(/^status\//),
      "trust",
    ]);
    const machine = agent.trust.state.policy?.machines.get("laser-1");
    expect(machine?.agentKey).toEqual(agent.enrolment.signer.publicKey);
    expect(agent.trust.clock.freshAt).toBeGreaterThan(0);

    // Issue: what the gateway signed is what the agent accepts, offline from here on.
    const issued = await site.call<BadgeView>("POST", "/badges", {
      person: ada.id,
      grants: [{ training: "laser" }],
      cardUid: "04a1b2c3d4e5f6",
    });
    expect(issued.status).toBe(201);
    const badge = fromHex(issued.body.bytes ?? "");
    const now = agent.trust.now(performance.now());
    expect(verifyBadge(badge, agent.trust.state, now)).toMatchObject({ ok: true });

    // Ingest, exactly once, then the signed chain head.
    const row = agent.nextRow({ holder: issued.body.pseudonym ?? "", durationMs: 1234 });
    await agent.send(row);
    await agent.send(row);
    await agent.until(() => agent.acknowledgements.length > 0);
    expect(agent.acknowledgements.at(-1)).toEqual({ upTo: { boot: 1, sequence: 1 }, chain: agent.chain });
    const log = await site.call<{ rows: LogView[] }>("GET", "/log");
    expect(log.body.rows).toMatchObject([{ personName: "Ada Example", kind: "sessionEnded", durationMs: 1234 }]);

    // Revoke: the agent has the list, refuses, and its signed report is the receipt.
    const revoked = await site.call<{ statusVersion: number }>("POST", `/badges/${issued.body.id}/revoke`, {
      reason: "card lost",
    });
    const name = `status/${issued.body.issuerKeyId}`;
    await agent.until(() => (agent.trust.state.applied.get(name)?.version ?? 0) >= revoked.body.statusVersion);
    expect(verifyBadge(badge, agent.trust.state, now)).toMatchObject({ ok: false, code: "BADGE_REVOKED" });
    await agent.report();
    const receipts = await site.call("GET", `/badges/${issued.body.id}/receipts`);
    expect(receipts.body).toMatchObject({ seenBy: ["laser-1"], missing: [] });
    const verified = await site.call("GET", "/log/verify");
    expect(verified.body).toEqual({ rows: 1, agents: 1, problems: [] });
  });

  test("a badge waiting for its card is signed for the card that is presented, by two signed commands", async () => {
    const site = await start();
    const ada = await setUpLaser(site);
    const agent = await connect(await enrolTestAgent(site, "laser-1"));
    const issued = await site.call<BadgeView>("POST", "/badges", { person: ada.id, grants: [{ training: "laser" }] });
    expect(issued.body).toMatchObject({ state: "awaitingCard", bytes: null });

    const started = await site.call<JobView>("POST", `/badges/${issued.body.id}/write`, { agent: "laser-1" });
    expect(started.body.state).toBe("waitingForCard");
    const command = async (index: number) => {
      await agent.until(() => agent.commands.length > index);
      const opened = openCommand(agent.commands[index] as Uint8Array, agent.trust.state.root, agent.site, "laser-1");
      return opened.ok ? opened.value : expect.fail(opened.code);
    };
    expect(await command(0)).toMatchObject({ number: 1, action: { kind: "readCard", job: started.body.id } });
    const uid = fromHex("04112233445566");
    await agent.send(agent.nextRow({ kind: "cardRead", job: started.body.id, uid }));
    const write = await command(1);
    if (write.action.kind !== "writeCard") expect.fail("the second command writes");
    const claims = readClaims(decodeSign1(write.action.badge).payload ?? new Uint8Array());
    expect(claims?.cardUid).toEqual(uid);
    expect(write.number).toBe(2);
    await agent.send(agent.nextRow({ kind: "cardWritten", job: started.body.id, uid }));
    await agent.until(() => agent.acknowledgements.length > 0);
    const done = await untilJob(site, started.body.id);
    expect(done).toMatchObject({ state: "done", cardUid: "04112233445566" });
  });

  test("R22: nothing that goes to an agent names anybody, and no key that signs goes there", async () => {
    const site = await start();
    await setUpLaser(site);
    const agent = await connect(await enrolTestAgent(site, "laser-1"));
    const told = { name: "Zebulon Quillfeather", email: "zq-secret@example.edu", campusId: "C-00412345" };
    const { body: person } = await site.call<PersonView>("POST", "/people", told);
    const grants = [{ training: "laser" }];
    const issued = await site.call<BadgeView>("POST", "/badges", { person: person.id, grants });
    const { body: job } = await site.call<JobView>("POST", `/badges/${issued.body.id}/write`, { agent: "laser-1" });
    await agent.until(() => agent.commands.length > 0);
    await agent.send(agent.nextRow({ kind: "cardRead", job: job.id, uid: fromHex("04112233445566") }));
    await agent.until(() => agent.commands.length > 1);
    await site.call("POST", `/badges/${issued.body.id}/revoke`, { reason: "left the university" });
    await agent.until(() =>
      [...agent.trust.state.applied].some(([name, { version }]) => /^status/.test(name) && version > 1),
    );

    const keys = readdirSync(join(site.dataDir, "keys")).flatMap((file) => {
      const [hex] = /[0-9a-f]{64}/.exec(readFileSync(join(site.dataDir, "keys", file), "utf8")) ?? [];
      return hex === undefined ? [] : [Buffer.from(hex, "hex"), Buffer.from(hex)];
    });
    expect(keys.length).toBeGreaterThanOrEqual(14);
    const names = ["Zebulon", "Quillfeather", "zq-secret", "C-00412345", "left the university", person.id];
    expect(agent.received.length).toBeGreaterThan(7);
    for (const payload of agent.received.map((bytes) => Buffer.from(bytes))) {
      for (const secret of [...names.map((text) => Buffer.from(text)), ...keys]) {
        expect(payload.includes(secret), secret.toString()).toBe(false);
      }
    }
  });

  test("keeps site, people, versions and log over a restart; versions only rise", async () => {
    const before = await start();
    await setUpLaser(before);
    const enrolment = await enrolTestAgent(before, "laser-1");
    const agent = await connect(enrolment);
    await agent.until(() => agent.trust.state.applied.size === 5);
    await agent.send(agent.nextRow());
    const versions = new Map([...agent.trust.state.applied].map(([name, { version }]) => [name, version]));
    gateway = await before.restart();
    expect(gateway.addresses.site).toBe(before.addresses.site);
    const broker = { host: "127.0.0.1", port: Number(gateway.addresses.broker.split(":")[1]) };
    const again = await connect({ ...enrolment, view: { ...enrolment.view, broker } }, 2, agent.chain);
    await again.until(() => again.trust.state.applied.size === 5);
    for (const [name, { version }] of again.trust.state.applied) {
      expect(version, name).toBeGreaterThanOrEqual(versions.get(name) ?? 0);
    }
    await again.send(again.nextRow());
    await again.until(() => again.acknowledgements.some(({ upTo }) => upTo.boot === 2));
    expect((await gateway.call("GET", "/log/verify")).body).toEqual({ rows: 2, agents: 1, problems: [] });
  });

  test("what is no usage packet costs nobody anything: acknowledged, kept as evidence, the log goes on", async () => {
    const site = await start();
    await setUpLaser(site);
    const agent = await connect(await enrolTestAgent(site, "laser-1"));
    for (const bad of [new Uint8Array(0), Uint8Array.of(0xff), new Uint8Array(5000).fill(0x81), fromHex("80")]) {
      await agent.sendBytes(bad);
    }
    await agent.send(agent.nextRow());
    const status = await site.call<{ alarms: { code: string; agent: string }[]; counts: { records: number } }>(
      "GET",
      "/status",
    );
    expect(status.body.counts.records).toBe(1);
    expect(status.body.alarms).toHaveLength(4);
    expect(status.body.alarms.every((alarm) => alarm.agent === "laser-1")).toBe(true);
  });

  test("a report that the agent's key did not sign is no receipt", async () => {
    const site = await start();
    await setUpLaser(site);
    const enrolment = await enrolTestAgent(site, "laser-1");
    const other = await enrolTestAgent(site, "saw-1");
    const agent = await connect({ ...enrolment, signer: other.signer });
    await agent.report();
    const { body } = await site.call<AgentView[]>("GET", "/agents");
    expect(body.find(({ id }) => id === "laser-1")).toMatchObject({ connected: true, report: null });
  });

  test("an earlier certificate is refused once the agent has enrolled again", async () => {
    const site = await start();
    await setUpLaser(site);
    const first = await enrolTestAgent(site, "laser-1");
    const second = await enrolTestAgent(site, "laser-1");
    await expect(TestAgent.connect(first)).rejects.toThrow();
    const agent = await connect(second);
    await agent.until(() => agent.trust.state.applied.size === 5);
    const key = agent.trust.state.policy?.machines.get("laser-1")?.agentKey;
    expect(key && sameBytes(key, second.signer.publicKey)).toBe(true);
  });

  test("out of service stands in the policy and reaches the agent as a command", async () => {
    const site = await start();
    await setUpLaser(site);
    const agent = await connect(await enrolTestAgent(site, "laser-1"));
    const out = await site.call("POST", "/machines/laser-1/out-of-service", { reason: "lens cracked", when: "now" });
    expect(out.body).toMatchObject({ outOfService: { reason: "lens cracked" }, problems: [{ path: "runOn" }] });
    await agent.until(() => agent.trust.state.policy?.lockouts.has("laser-1") === true && agent.commands.length > 0);
    expect((await site.call("POST", "/machines/laser-1/out-of-service", { reason: "again" })).status).toBe(409);
    const back = await site.call("POST", "/machines/laser-1/release", { reason: "new lens" });
    expect(back.body).toMatchObject({ outOfService: null });
    await agent.until(() => agent.trust.state.policy?.lockouts.size === 0);
    const past = { mode: { kind: "warnOnly", until: 1, reason: "trial weeks" } };
    const changed = await site.call("PATCH", "/machines/laser-1", past);
    expect(changed.body).toMatchObject({ problems: [{ path: "runOn" }, { path: "mode.until" }] });
  });
});

async function untilJob(site: TestGateway, id: string): Promise<JobView> {
  for (;;) {
    const { body } = await site.call<JobView>("GET", `/jobs/${id}`);
    if (body.state === "done" || body.state === "failed") return body;
  }
}
