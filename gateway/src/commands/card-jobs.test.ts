import { type CommandAction, type UsageRecord, fromHex, randomBytes, signerOf } from "@badgekey/shared";
import { beforeEach, describe, expect, test } from "vitest";
import { RefusedError } from "../refused.js";
import { type TestStores, openTestStores } from "../store/store-fixture.js";
import { CardJobs } from "./card-jobs.js";
import { sendCommand } from "./commander.js";
import type { CardJob } from "./ports.js";

const START = 1_800_000_000_000;
const UID = "04a1b2c3d4e5f6";
const BADGE = Uint8Array.of(1, 2, 3);

let stores: TestStores;
let now: number;
let sent: { agent: string; action: CommandAction }[];
let told: CardJob[];
let signed: { bytes: Uint8Array; cardUid: string | null } | undefined;
let refusal: RefusedError | undefined;
let jobs: CardJobs;

beforeEach(async () => {
  stores = await openTestStores();
  now = START;
  sent = [];
  told = [];
  signed = undefined;
  refusal = undefined;
  jobs = new CardJobs({
    store: stores.commands,
    send: (agent, action) => {
      if (agent === "away") return Promise.reject(new RefusedError("AGENT_UNREACHABLE", "not connected"));
      sent.push({ agent, action });
      return Promise.resolve(1);
    },
    badgeFor: () => (refusal ? Promise.reject(refusal) : Promise.resolve(BADGE)),
    signedBadge: () => Promise.resolve(signed),
    announce: (job) => told.push(job),
    clock: () => now,
  });
});

function record(kind: "cardRead" | "cardWritten", job: string, more: Partial<UsageRecord> = {}): UsageRecord {
  return { kind, at: now, clock: "synced", machine: "laser-1", upMs: 1, job, ...more };
}

describe("CardJobs", () => {
  test("reads a card", async () => {
    const job = await jobs.readCard("laser-1", 60);
    expect(sent).toEqual([{ agent: "laser-1", action: { kind: "readCard", job: job.id, seconds: 60 } }]);
    await jobs.take("laser-1", record("cardRead", job.id, { uid: fromHex(UID) }));
    expect(await jobs.job(job.id)).toMatchObject({ state: "done", cardUid: UID });
    expect(told.map(({ state }) => state)).toEqual(["waitingForCard", "done"]);
  });

  test("writes: reads the card, signs for it, writes to that card only", async () => {
    const job = await jobs.writeCard("b1", { agent: "laser-1", seconds: 60 });
    now += 20_000;
    await jobs.take("laser-1", record("cardRead", job.id, { uid: fromHex(UID) }));
    expect(sent[1]?.action).toEqual({ kind: "writeCard", job: job.id, badge: BADGE, uid: fromHex(UID), seconds: 40 });
    await jobs.take("laser-1", record("cardWritten", job.id));
    expect(told.map(({ state }) => state)).toEqual(["waitingForCard", "writing", "done"]);
  });

  test("a badge signed already, or a card known already, is written at once", async () => {
    signed = { bytes: BADGE, cardUid: UID };
    await jobs.writeCard("b1", { agent: "laser-1", seconds: 60 });
    expect(sent[0]?.action).toMatchObject({ kind: "writeCard", uid: fromHex(UID) });
    signed = { bytes: BADGE, cardUid: null };
    await jobs.writeCard("b1", { agent: "laser-1", seconds: 60 });
    expect(sent[1]?.action).not.toHaveProperty("uid");
    signed = undefined;
    await jobs.writeCard("b1", { agent: "laser-1", seconds: 60, cardUid: UID });
    expect(sent[2]?.action).toMatchObject({ kind: "writeCard", uid: fromHex(UID) });
  });

  test("fails with the agent's own code, and what comes later changes nothing", async () => {
    const job = await jobs.writeCard("b1", { agent: "laser-1", seconds: 60 });
    await jobs.take("laser-1", record("cardRead", job.id, { code: "CARD_UNREADABLE", reason: "lifted too early" }));
    await jobs.take("laser-1", record("cardRead", job.id, { uid: fromHex(UID) }));
    expect(await jobs.job(job.id)).toMatchObject({
      state: "failed",
      code: "CARD_UNREADABLE",
      detail: "lifted too early",
    });
    expect(sent).toHaveLength(1);
  });

  test("fails when the card is one that the badge must not go to", async () => {
    const job = await jobs.writeCard("b1", { agent: "laser-1", seconds: 60 });
    refusal = new RefusedError("CONFLICT", "the card carries somebody else's badge");
    await jobs.take("laser-1", record("cardRead", job.id, { uid: fromHex(UID) }));
    expect(await jobs.job(job.id)).toMatchObject({ state: "failed", code: "CONFLICT", cardUid: UID });
  });

  test("another agent's word, or another record, does not count", async () => {
    const job = await jobs.readCard("laser-1", 60);
    await jobs.take("saw-1", record("cardRead", job.id, { uid: fromHex(UID) }));
    await jobs.take("laser-1", record("cardRead", "some-other-job", { uid: fromHex(UID) }));
    await jobs.take("laser-1", { ...record("cardRead", job.id), kind: "tapRefused" });
    expect(await jobs.job(job.id)).toMatchObject({ state: "waitingForCard" });
    await expect(jobs.job("none")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("an agent out of reach is told at once, and the job is over", async () => {
    await expect(jobs.readCard("away", 60)).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
    expect(told).toMatchObject([{ state: "failed", code: "AGENT_UNREACHABLE" }]);
  });

  test("is over when no card came in time, with room for an answer on its way", async () => {
    const job = await jobs.readCard("laser-1", 60);
    now += 69_000;
    await jobs.sweep();
    expect(await jobs.job(job.id)).toMatchObject({ state: "waitingForCard" });
    now += 1_000;
    await jobs.sweep();
    expect(await jobs.job(job.id)).toMatchObject({ state: "failed" });
  });
});

describe("sendCommand", () => {
  test("numbers rise for each agent and are committed before anything is signed", async () => {
    const numbers: string[] = [];
    const signer = signerOf(randomBytes(32));
    const deps = {
      site: new Uint8Array(32),
      signer: {
        ...signer,
        sign: (message: Uint8Array) => {
          numbers.push("sign");
          return signer.sign(message);
        },
      },
      store: {
        nextNumber: async (...given: Parameters<typeof stores.commands.nextNumber>) => {
          const number = await stores.commands.nextNumber(...given);
          numbers.push(String(number));
          return number;
        },
      },
      isConnected: (agent: string) => agent !== "away",
      send: () => undefined,
      clock: () => now,
    };
    const action = { kind: "identify", seconds: 5 } as const;
    for (const agent of ["a", "a", "b"]) await sendCommand(agent, action, deps);
    expect(numbers).toEqual(["1", "sign", "2", "sign", "1", "sign"]);
    await expect(sendCommand("away", action, deps)).rejects.toMatchObject({ code: "AGENT_UNREACHABLE" });
    expect(numbers).toHaveLength(6);
  });
});
