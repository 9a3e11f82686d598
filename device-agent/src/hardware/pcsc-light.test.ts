import { toHex } from "@badgekey/shared";
import { expect, test } from "vitest";
import { lightCommand } from "./pcsc-light.js";

const acr122 = "ACS ACR122U PICC Interface (1-1.2) 00 00";

test.each([
  ["ready", "dark", "ff00400c0400000000"],
  ["reading", "yellow", "ff00400f0400000000"],
  ["busy", "yellow", "ff00400f0400000000"],
  ["enabled", "green", "ff00400e0400000000"],
  ["warning", "yellow, a beep of 100 ms", "ff00400f0401000101"],
  ["refused", "red, a beep of 100 ms", "ff00400d0401000101"],
  ["outOfService", "red", "ff00400d0400000000"],
  ["attention", "red", "ff00400d0400000000"],
] as const)("an ACR122U shows %s: %s", (signal, _, command) => {
  expect(toHex(lightCommand(acr122, signal)!)).toBe(command);
});

test("a reader whose light we do not know is left alone", () => {
  expect(lightCommand("Identiv uTrust 3700 F CL Reader [CCID Interface] (53691) 00 00", "refused")).toBeUndefined();
});
