import { describe, expect, test } from "vitest";
import { type StepReport, runStory } from "./story.js";

const fine = (title: string) => ({ title, run: () => Promise.resolve({ outcome: "as told", latencyMs: { tap: 3 } }) });

describe("runStory", () => {
  test("reports every step with outcome and latency", async () => {
    const told: StepReport[] = [];
    const report = await runStory([fine("one"), fine("two")], (step) => told.push(step));
    expect(report).toMatchObject({ ok: true, total: 2 });
    expect(told).toEqual(report.steps);
    expect(told[1]).toMatchObject({ step: 2, title: "two", ok: true, outcome: "as told", latencyMs: { tap: 3 } });
  });

  test("stops at the first step that comes out otherwise, and names it", async () => {
    const broken = { title: "two", run: () => Promise.reject(new Error("the relay stayed open")) };
    const report = await runStory([fine("one"), broken, fine("three")], () => undefined);
    expect(report.ok).toBe(false);
    expect(report.steps).toHaveLength(2);
    expect(report.broken).toEqual({ step: 2, title: "two", reason: "the relay stayed open" });
  });

  test("a step that never ends is a broken step", async () => {
    const stuck = { title: "stuck", run: () => new Promise<never>(() => undefined) };
    const report = await runStory([stuck], () => undefined, 10);
    expect(report.broken?.reason).toBe("not done within 0.01 s");
  });
});
