import { decodeSign1, decodeStrict, randomBytes, signerOf } from "@badgekey/shared";
import { beforeEach, describe, expect, test } from "vitest";
import { Acknowledger } from "./acknowledger.js";

const SITE = new Uint8Array(32).fill(1);

let nowMs: number;
let timers: { at: number; run: () => void }[];
let sent: string[];
let acknowledger: Acknowledger;

beforeEach(() => {
  nowMs = 1_000;
  timers = [];
  sent = [];
  acknowledger = new Acknowledger({
    site: SITE,
    signer: signerOf(randomBytes(32)),
    send: (agent, bytes) => sent.push(`${agent} ${String(sequenceOf(bytes))}`),
    nowMs: () => nowMs,
    after(ms, run) {
      const timer = { at: nowMs + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  });
});

/** Label 11 of SPEC 6.4. */
function sequenceOf(bytes: Uint8Array): unknown {
  const payload = decodeStrict(decodeSign1(bytes).payload ?? new Uint8Array());
  return payload instanceof Map ? payload.get(11) : undefined;
}

function note(agent: string, sequence: number, boot = 1): void {
  acknowledger.note(agent, { boot, sequence, chain: new Uint8Array(32), pending: 0 });
}

function advanceTo(ms: number): void {
  for (;;) {
    const next = timers.filter(({ at }) => at <= ms).sort((a, b) => a.at - b.at)[0];
    if (!next) break;
    timers = timers.filter((other) => other !== next);
    nowMs = next.at;
    next.run();
  }
  nowMs = ms;
}

describe("Acknowledger", () => {
  test("speaks at once, then at most every 200 ms, and always of the newest head", () => {
    note("laser-1", 1);
    expect(sent).toEqual(["laser-1 1"]);
    for (let sequence = 2; sequence <= 50; sequence++) note("laser-1", sequence);
    expect(sent).toHaveLength(1);
    advanceTo(1_199);
    expect(sent).toHaveLength(1);
    advanceTo(1_200);
    expect(sent).toEqual(["laser-1 1", "laser-1 50"]);
    advanceTo(9_000);
    expect(sent).toHaveLength(2);
    note("laser-1", 51);
    expect(sent.at(-1)).toBe("laser-1 51");
  });

  test("agents do not wait for each other; when very many send, all together stay within their share", () => {
    const all = Array.from({ length: 200 }, (_, index) => `agent-${index}`);
    for (const agent of all) note(agent, 1);
    expect(sent).toHaveLength(200);
    for (let ms = 1_010; ms <= 6_000; ms += 10) {
      advanceTo(ms);
      for (const agent of all) note(agent, ms);
    }
    const inFiveSeconds = sent.length - 200;
    expect(inFiveSeconds).toBeGreaterThan(200 * 3);
    expect(inFiveSeconds).toBeLessThan(5 * 300);
    expect(new Set(sent.slice(-400).map((line) => line.split(" ")[0])).size).toBe(200);
  });

  test("acknowledges nothing while not one row is linked", () => {
    note("laser-1", 0, 0);
    expect(sent).toEqual([]);
  });

  test("is silent once closed", () => {
    note("laser-1", 1);
    note("laser-1", 2);
    acknowledger.close();
    advanceTo(9_000);
    expect(sent).toEqual(["laser-1 1"]);
  });
});
