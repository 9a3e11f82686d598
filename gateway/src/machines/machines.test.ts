import { randomBytes, signReport, signerOf, type Report } from "@badgekey/shared";
import { beforeEach, describe, expect, test } from "vitest";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { Agents } from "./agents.js";
import { type MachinesDeps, addMachine, changeMachine, release, takeOutOfService } from "./machines.js";
import { mergePolicy } from "./merge-policy.js";

const NOW = 1_800_000_000_000;
const SITE = new Uint8Array(32).fill(4);
let stores: TestStores;
let deps: MachinesDeps;
let published: number;

beforeEach(async () => {
  stores = await openTestStores();
  published = 0;
  deps = {
    store: stores.machines,
    trainingNumber: (wanted) => Promise.resolve(wanted === "laser" ? 5 : Number(wanted)),
    publish: () => Promise.resolve((published += 1)),
    clock: () => NOW,
  };
});

describe("mergePolicy", () => {
  test("lays member on member; null removes; lists and modes replace; the prototype stays", () => {
    const base = { a: 1, session: { x: 1, y: 2 }, list: [1, 2], mode: { kind: "warnOnly", until: 9 } };
    const over = JSON.parse(
      '{"a":null,"session":{"y":3},"list":[3],"mode":{"kind":"enforce"},"__proto__":{"evil":1}}',
    ) as object;
    const merged = mergePolicy(base, over);
    expect(merged).toEqual({ session: { x: 1, y: 3 }, list: [3], mode: { kind: "enforce" } });
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(base.a).toBe(1);
  });
});

describe("machines", () => {
  test("begin from a preset, name their trainings by slug, and are published", async () => {
    const machine = await addMachine(
      { id: "saw-1", name: "Saw", preset: "saw", requires: [{ training: "laser", level: 3 }] },
      deps,
    );
    expect(machine).toMatchObject({
      agent: "saw-1",
      policy: { presence: "hold", requires: [[{ training: 5, level: 3 }]] },
    });
    expect(published).toBe(1);
    expect(await stores.machines.agents()).toMatchObject([{ id: "saw-1", key: null }]);
    await expect(addMachine({ id: "saw-1", name: "Again" }, deps)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  });

  test("a change keeps the rest; a wrong one changes nothing", async () => {
    await addMachine({ id: "saw-1", name: "Saw", preset: "saw" }, deps);
    const changed = await changeMachine("saw-1", { policy: { minAssurance: 3 }, agent: "desk-1" }, deps);
    expect(changed).toMatchObject({ agent: "desk-1", policy: { minAssurance: 3, presence: "hold" } });
    const bad = changeMachine("saw-1", { policy: { minAssurance: 9 } }, deps);
    await expect(bad).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      message: expect.stringMatching(/^policy\.minAssurance/),
    });
    expect((await stores.machines.machines())[0]?.policy.minAssurance).toBe(3);
    await expect(changeMachine("none", {}, deps)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("out of service is state with reason, author and instant, until released", async () => {
    await addMachine({ id: "saw-1", name: "Saw" }, deps);
    const why = { reason: "blade", by: "admin" };
    expect((await takeOutOfService("saw-1", why, deps)).lockout).toEqual({ ...why, at: NOW });
    await expect(takeOutOfService("saw-1", why, deps)).rejects.toMatchObject({ code: "CONFLICT" });
    await release("saw-1", { reason: "new blade", by: "admin", isBlockedThere: false }, deps);
    await expect(release("saw-1", { ...why, isBlockedThere: false }, deps)).rejects.toMatchObject({ code: "CONFLICT" });
    const actions = await stores.database.sql.selectFrom("staff_actions").select(["action", "reason"]).execute();
    expect(actions).toEqual([
      { action: "outOfService", reason: "blade" },
      { action: "release", reason: "new blade" },
    ]);
  });
});

describe("Agents", () => {
  const signer = signerOf(randomBytes(32));

  async function enrolled(): Promise<Agents> {
    await stores.enrolment.addInvite(new Uint8Array(32), "saw-1", 1, NOW + 1);
    const agent = { id: "saw-1", key: signer.publicKey, certificateSerial: "AB", certificateEndsAt: NOW + 9 };
    await stores.enrolment.enrol(new Uint8Array(32), agent, NOW);
    return open();
  }

  function open(): Promise<Agents> {
    return Agents.open({ site: SITE, store: stores.machines, announce: () => undefined, clock: () => NOW });
  }

  function report(number: number, boot: number, version: number, by = signer): Uint8Array {
    const applied = new Map([["status/0a0b0c0d", { version, hash: new Uint8Array(32) }]]);
    const journal = { boot, sequence: 1, chain: new Uint8Array(32), pending: 0 };
    const one: Report = {
      ...{ number, at: NOW, clock: "synced", applied, heartbeatVersion: 1, journal, faults: [], state: "idle" },
      ...{ software: "test", upMs: 1, lastCommand: 0 },
    };
    return signReport(one, SITE, "saw-1", by);
  }

  test("receipts come from signed reports alone, and an older report is a replay", async () => {
    const agents = await enrolled();
    expect(agents.receipts("status/0a0b0c0d", 2)).toMatchObject({ seenBy: [], missing: [{ agent: "saw-1" }] });
    expect(await agents.report("saw-1", report(1, 1, 1))).toBeDefined();
    expect(await agents.report("saw-1", report(2, 1, 2))).toBeDefined();
    expect(await agents.report("saw-1", report(1, 1, 1))).toBeUndefined();
    expect(agents.receipts("status/0a0b0c0d", 2).seenBy).toEqual(["saw-1"]);
    expect(await agents.report("saw-1", report(1, 2, 2))).toBeDefined();
    expect((await open()).receipts("status/0a0b0c0d", 2).seenBy).toEqual(["saw-1"]);
  });

  test("a report by another key is a finding", async () => {
    const agents = await enrolled();
    expect(await agents.report("saw-1", report(1, 1, 1, signerOf(randomBytes(32))))).toBeUndefined();
    expect(await agents.report("unknown", report(1, 1, 1))).toBeUndefined();
    expect(await stores.machines.findings(9)).toMatchObject([{ code: "SIGNER_UNTRUSTED", agent: "saw-1" }]);
  });

  test("counts quarantined publishes, with one alarm a connection", async () => {
    const agents = await enrolled();
    agents.connected("saw-1");
    for (let i = 0; i < 3; i++) await agents.quarantined("saw-1", "5 bytes to x");
    await agents.disconnected("saw-1");
    expect(agents.find("saw-1")).toMatchObject({ quarantined: 3, connected: false, lastSeenAt: NOW });
    expect((await open()).find("saw-1")).toMatchObject({ quarantined: 3 });
    expect(await stores.machines.findings(9)).toHaveLength(1);
  });

  test("only the certificate of the newest enrolment is admitted", async () => {
    const agents = await enrolled();
    expect(agents.isRevoked("saw-1", "AB")).toBe(false);
    expect(agents.isRevoked("saw-1", "CD")).toBe(true);
    expect(agents.isRevoked("unknown", "AB")).toBe(true);
  });

  test("what only the machine itself knows of can be released, too", async () => {
    await addMachine({ id: "saw-1", name: "Band saw" }, deps);
    const released = await release("saw-1", { reason: "looked at", by: "admin", isBlockedThere: true }, deps);
    expect(released.id).toBe("saw-1");
  });

  test("a policy that contradicts itself is refused with what to change", async () => {
    const wiring = { relay: { pin: 17 }, inputs: { busy: { pin: 17 } } };
    await expect(addMachine({ id: "saw-1", name: "Band saw", policy: { wiring } }, deps)).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      message: expect.stringContaining("17") as string,
    });
  });
});
