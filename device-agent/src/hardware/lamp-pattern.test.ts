import { describe, expect, test } from "vitest";
import type { Signal } from "../ports.js";
import { type Frame, LAMP_PATTERNS } from "./lamp-pattern.js";

const BEAT_MS = 250;
const signals = Object.keys(LAMP_PATTERNS) as Signal[];

/** Lit or dark, a quarter of a second each, over the first 24 s of what repeats: nothing of colours. */
function rhythmOf(signal: Signal): string {
  const { always } = LAMP_PATTERNS[signal];
  const round = always
    .map(({ lit, ms }) => (lit.length > 0 ? "-" : "_").repeat(Math.min(ms, 24_000) / BEAT_MS))
    .join("");
  return round.repeat(Math.ceil(96 / round.length)).slice(0, 96);
}

describe("lamp patterns", () => {
  test("nobody needs to tell colours apart: each signal has a rhythm of its own, wherever one begins to look", () => {
    const turns = (rhythm: string) =>
      Array.from(rhythm, (_beat, at) => rhythm.slice(at) + rhythm.slice(0, at)).sort()[0];
    expect(new Set(signals.map((signal) => turns(rhythmOf(signal)))).size).toBe(signals.length);
  });

  test.each(signals)("%s asks for four changes a second at most, and says the same again and again", (signal) => {
    const { once, always } = LAMP_PATTERNS[signal];
    for (const { ms } of [...once, ...always]) expect(ms % BEAT_MS === 0 || ms === Number.POSITIVE_INFINITY).toBe(true);
    for (const { ms } of [...once, ...always]) expect(ms).toBeGreaterThanOrEqual(BEAT_MS);
    expect(always.length).toBeGreaterThan(0);
  });

  test("the buzzer sounds once and then leaves everybody in peace; what waits or is out of service is silent", () => {
    const sounds = (frames: readonly Frame[]) => frames.some(({ lit }) => lit.includes("buzzer"));
    expect(signals.filter((signal) => sounds(LAMP_PATTERNS[signal].once))).toEqual(["enabled", "warning", "refused"]);
    expect(signals.filter((signal) => sounds(LAMP_PATTERNS[signal].always))).toEqual([]);
  });

  test("green alone is lit only where the machine may be used or waits for a card", () => {
    const green = signals.filter((signal) => LAMP_PATTERNS[signal].always.some(({ lit }) => lit.includes("green")));
    expect(green).toEqual(["ready", "enabled", "warning"]);
  });
});
