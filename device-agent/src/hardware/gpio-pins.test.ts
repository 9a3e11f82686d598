import { expect, test } from "vitest";
import { checkPin } from "./gpio-pins.js";

const allowed = (activeLow: boolean): number[] =>
  Array.from({ length: 40 }, (_, at) => at - 5).filter((pin) => checkPin(pin, activeLow).ok);

test("R1: active high on GPIO 9 to 27 without 14 and 15", () => {
  expect(allowed(false)).toEqual([9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]);
});

test("R1: active low on GPIO 4 to 8 only", () => {
  expect(allowed(true)).toEqual([4, 5, 6, 7, 8]);
});

test("a refusal says what would do", () => {
  expect(checkPin(17, true)).toEqual({
    ok: false,
    reason: "pin 17 is not pulled up at power-up: an active-low relay needs GPIO 4 to 8",
  });
  expect(checkPin(14, false)).toMatchObject({ ok: false, reason: expect.stringContaining("serial port") });
  expect(checkPin(9.5, false)).toMatchObject({ ok: false });
  expect(checkPin(Number.NaN, true)).toMatchObject({ ok: false });
});
