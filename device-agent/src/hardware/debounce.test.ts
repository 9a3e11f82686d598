import { describe, expect, test } from "vitest";
import { type Debounced, debounce, type Look, UNSEEN } from "./debounce.js";

const still = (active: boolean): Look => ({ active, edges: 0 });
const moved = (active: boolean, edges = 1): Look => ({ active, edges });

/** Looks given as [at, look]; what was reported, with its instant. */
function reportsOf(looks: readonly (readonly [number, Look])[], from: Debounced = UNSEEN): readonly string[] {
  const reports: string[] = [];
  let state = from;
  for (const [atMs, look] of looks) {
    const { next, report } = debounce(state, look, atMs);
    state = next;
    if (report) reports.push(`${atMs} ${report.kind === "lost" ? `lost: ${report.reason}` : report.active}`);
  }
  return reports;
}

/** A look every 20 ms from `from` to before `to`. */
function every20(from: number, to: number, look: (atMs: number) => Look): readonly (readonly [number, Look])[] {
  return Array.from(
    { length: Math.ceil((to - from) / 20) },
    (_, at) => [from + at * 20, look(from + at * 20)] as const,
  );
}

const standing = (active: boolean): Debounced => ({
  told: active ? "active" : "inactive",
  active,
  movedAtMs: 0,
  restlessSinceMs: undefined,
});

describe("a contact is reported", () => {
  test.each<[string, readonly (readonly [number, Look])[], Debounced, readonly string[]]>([
    ["once at the start, when it has stood for 30 ms", [[0, still(false)], [20, still(false)], [29, still(false)], [30, still(false)], [50, still(false)]], UNSEEN, ["30 false"]], // prettier-ignore
    ["when it has changed and stood for 30 ms", [[100, moved(true)], [129, still(true)], [130, still(true)]], standing(false), ["130 true"]], // prettier-ignore
    ["not for a spike that is over before it is looked at", [[100, moved(false, 2)], [120, still(false)], [200, still(false)]], standing(false), []], // prettier-ignore
    ["not for a bounce that ends where it began", [[100, moved(true)], [120, moved(false)], [160, still(false)]], standing(false), []], // prettier-ignore
    ["late by as much as it bounces", [[100, moved(true, 3)], [120, moved(true, 2)], [140, still(true)], [160, still(true)]], standing(false), ["160 true"]], // prettier-ignore
    ["also when the kernel missed the edge", [[100, still(true)], [130, still(true)]], standing(false), ["130 true"]], // prettier-ignore
    ["as still when nobody looked for long", [[100, moved(true)], [9000, still(true)]], standing(false), ["9000 true"]], // prettier-ignore
  ])("%s", (_title, looks, from, reports) => {
    expect(reportsOf(looks, from)).toEqual(reports);
  });
});

describe("a contact is lost", () => {
  const chatter = (from: number, to: number) => every20(from, to, (at) => moved(at % 40 === 0, 4));

  test("once, when it has not stood still for over a second", () => {
    expect(reportsOf(chatter(0, 5000), standing(false))).toEqual(["1020 lost: it chatters without end"]);
  });

  test("also at a mains hum that shows the same level at every look", () => {
    const hum = every20(0, 3000, () => moved(true, 2));
    expect(reportsOf(hum, standing(true))).toEqual(["1020 lost: it chatters without end"]);
  });

  test("and not while it finds rest now and then", () => {
    const working = [...chatter(0, 900), ...every20(900, 1000, () => still(false)), ...chatter(1000, 1900)];
    expect(reportsOf(working, standing(false))).toEqual([]);
  });

  test("also when it stands just long enough to be reported between its movements", () => {
    const buzzing = every20(0, 1200, (at) =>
      at % 60 === 0 ? moved(at % 120 === 0) : still((at - (at % 60)) % 120 === 0),
    );
    const reports = reportsOf(buzzing, standing(false));
    expect(reports.at(-1)).toBe("1020 lost: it chatters without end");
    expect(reports.length).toBeGreaterThan(10);
  });

  test("and not by the fastest fingers", () => {
    const pressing = every20(0, 5000, (at) =>
      at % 100 === 0 ? moved(at % 200 === 0) : still((at - (at % 100)) % 200 === 0),
    );
    expect(reportsOf(pressing, standing(false)).filter((report) => report.includes("lost"))).toEqual([]);
  });

  test("also when nobody looked often enough to see it move", () => {
    const seldom = Array.from({ length: 20 }, (_, at) => [at * 150, moved(true, 15)] as const);
    expect(reportsOf(seldom, standing(true))).toEqual(["1050 lost: it chatters without end"]);
  });

  test("and comes back when it has stood for 200 ms", () => {
    const looks = [...chatter(0, 1200), ...every20(1200, 1600, () => still(true))];
    expect(reportsOf(looks, standing(false))).toEqual(["1020 lost: it chatters without end", "1400 true"]);
  });

  test("once when it cannot be read, and back when it can and has stood for 200 ms", () => {
    const looks: (readonly [number, Look])[] = [[0, { failure: "ENODEV" }], [20, { failure: "ENODEV" }], [40, still(true)], [239, still(true)], [240, still(true)]]; // prettier-ignore
    expect(reportsOf(looks, standing(true))).toEqual(["0 lost: ENODEV", "240 true"]);
  });

  test("at the start too, so that everybody is told something", () => {
    expect(reportsOf([[0, { failure: "EBUSY" }]])).toEqual(["0 lost: EBUSY"]);
    expect(reportsOf(chatter(0, 1100))).toEqual(["1020 lost: it chatters without end"]);
  });
});
