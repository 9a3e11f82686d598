import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FailSafeOutputs, monotonicMs } from "./fail-safe-outputs.js";
import type { LineDriver } from "./line.js";

const PIN = { pin: 17, activeLow: false };
const ALL = { relay: PIN, runOn: PIN, stop: PIN, alive: PIN };

let written: string[];
let broken: string;

const driver: LineDriver = {
  name: "simulated",
  openOutput: (name) => {
    written.push(`${name} opened`);
    return {
      set: (active) => {
        written.push(`${name} ${active ? "on" : "off"}`);
        if (broken === `${name} ${active ? "on" : "off"}`) throw new Error(`${name} is broken`);
      },
    };
  },
  openInput: () => ({ sample: () => ({ active: false, edges: 0 }) }),
};

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  broken = "";
});
afterEach(() => vi.useRealTimers());

function opened(): FailSafeOutputs {
  const outputs = new FailSafeOutputs(driver, ALL);
  written = [];
  return outputs;
}

const permit = (outputs: FailSafeOutputs, ms: number, ...wanted: string[]) =>
  outputs.permit(ms, monotonicMs(), new Set(wanted));

describe("R2: outputs that fail inactive", () => {
  test("the relay's line is the first to be opened and the first to be let go", () => {
    const outputs = new FailSafeOutputs(driver, { stop: PIN, runOn: PIN, relay: PIN });
    outputs.release();
    expect(written).toEqual(["relay opened", "runOn opened", "stop opened", "relay off", "runOn off", "stop off"]);
  });

  test("a change lets go before it switches on, and the relay closes last", () => {
    const outputs = opened();
    permit(outputs, 500, "stop");
    written = [];
    permit(outputs, 500, "relay", "runOn");
    expect(written).toEqual(["stop off", "runOn on", "relay on"]);
  });

  test("everything ends with the permit, and a renewal moves the end", () => {
    const outputs = opened();
    permit(outputs, 500, "relay", "runOn");
    vi.advanceTimersByTime(400);
    permit(outputs, 500, "relay", "runOn");
    vi.advanceTimersByTime(499);
    expect(written.filter((what) => what === "relay off")).toEqual([]);
    written = [];
    vi.advanceTimersByTime(1);
    expect(written.filter((what) => !what.startsWith("alive"))).toEqual(["relay off", "runOn off", "stop off"]);
    expect(outputs.isPermitted).toBe(false);
  });

  test("a permit lasts 500 ms at most, counted from its sending", () => {
    const outputs = opened();
    expect(outputs.permit(60_000, monotonicMs(), new Set(["relay"]))).toBe(true);
    vi.advanceTimersByTime(500);
    expect(outputs.isPermitted).toBe(false);
    outputs.release();
    outputs.permit(500, monotonicMs() - 400, new Set(["relay"]));
    vi.advanceTimersByTime(100);
    expect(outputs.isPermitted).toBe(false);
  });

  test("a permit that is over when it is read lets everything go", () => {
    const outputs = opened();
    permit(outputs, 500, "relay");
    written = [];
    expect(outputs.permit(500, monotonicMs() - 500, new Set(["relay"]))).toBe(false);
    expect(written).toEqual(["relay off", "runOn off", "stop off", "alive off"]);
    expect(outputs.isPermitted).toBe(false);
  });

  test("R5: what opened because a renewal was missed does not close by a later one, before it was asked to open", () => {
    const outputs = opened();
    permit(outputs, 500, "relay");
    vi.advanceTimersByTime(501);
    written = [];
    expect(permit(outputs, 500, "relay")).toBe(false);
    expect(written).toEqual([]);
    outputs.release();
    expect(permit(outputs, 500, "relay")).toBe(true);
    expect(written).toContain("relay on");
  });

  test.each(["relay", "runOn", "stop", "alive"])("trouble with %s keeps no other from being let go", (name) => {
    const outputs = opened();
    permit(outputs, 500, "relay", "runOn", "stop");
    written = [];
    broken = `${name} off`;
    expect(() => outputs.release()).toThrow(`${name} is broken`);
    expect(written).toEqual(["relay off", "runOn off", "stop off", "alive off"]);
  });

  test("a run-on that cannot be switched on keeps the relay from closing", () => {
    const outputs = opened();
    broken = "runOn on";
    expect(() => permit(outputs, 500, "relay", "runOn")).toThrow("runOn is broken");
    expect(written).not.toContain("relay on");
  });
});

describe("R2: the alive output", () => {
  const beats = () => written.filter((what) => what.startsWith("alive")).length;

  test("pulses at 10 Hz while the relay is permitted, through renewals", () => {
    const outputs = opened();
    for (let renewal = 0; renewal < 10; renewal += 1) {
      permit(outputs, 500, "relay");
      vi.advanceTimersByTime(100);
    }
    expect(beats()).toBe(20);
    expect(written.filter((what) => what.startsWith("alive")).slice(0, 4)).toEqual(["alive on", "alive off", "alive on", "alive off"]); // prettier-ignore
  });

  test("rests inactive once the relay is not permitted any more, though run-on is", () => {
    const outputs = opened();
    permit(outputs, 500, "relay", "runOn");
    vi.advanceTimersByTime(60);
    permit(outputs, 500, "runOn");
    expect(written.at(-2)).toBe("alive off");
    written = [];
    vi.advanceTimersByTime(400);
    expect(beats()).toBe(0);
  });
});

test("R5: a permit that ran out counts by the clock, also where its timer comes late", () => {
  const outputs = opened();
  expect(permit(outputs, 500, "relay")).toBe(true);
  // The process stood still: what came in meanwhile is heard before the timers.
  const late = vi.spyOn(process.hrtime, "bigint").mockReturnValue(process.hrtime.bigint() + 600_000_000n);
  expect(permit(outputs, 500, "relay")).toBe(false);
  late.mockRestore();
  expect(written.at(-1)).toMatch(/off$/);
  outputs.release();
  expect(permit(outputs, 500, "relay")).toBe(true);
});
