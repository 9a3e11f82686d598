import { expect, test } from "vitest";
import { fakeClock } from "../testing/fake-clock.js";
import { holderIndicator } from "./holder-indicator.js";

function playing() {
  const clock = fakeClock();
  const lit: string[] = [];
  const indicator = holderIndicator((lamps) => lit.push(`${Math.floor(clock.nowMs())} ${lamps.join("+")}`), clock);
  return { clock, lit, indicator };
}

test("a pattern goes round until the next signal comes", async () => {
  const { clock, lit, indicator } = playing();
  indicator.show("warning");
  await clock.advance(3100);
  indicator.show("outOfService");
  await clock.advance(3000);
  expect(lit).toEqual([
    "0 green+yellow+buzzer",
    "500 ",
    "1000 green+yellow+buzzer",
    "1500 ",
    "2000 green+yellow",
    "2500 ",
    "3000 green+yellow",
    "3100 red",
    "5850 ",
    "6100 red",
  ]);
});

test("the same signal again does not break the rhythm, nor sound twice", async () => {
  const { clock, lit, indicator } = playing();
  indicator.show("enabled");
  await clock.advance(600);
  indicator.show("enabled");
  await clock.advance(60_000);
  expect(lit).toEqual(["0 green+buzzer", "250 green"]);
});
