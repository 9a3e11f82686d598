import { expect, test } from "vitest";
import { chooseReader } from "./programs.js";

test("a reader's slot for security modules is not the reader", () => {
  const names = ["ACS ACR1252 1S CL Reader SAM 00 01", "ACS ACR1252 1S CL Reader PICC 00 00", ""];
  expect(chooseReader(names)).toBe("ACS ACR1252 1S CL Reader PICC 00 00");
  expect(chooseReader([""])).toBeUndefined();
});
