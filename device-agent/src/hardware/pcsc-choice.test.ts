import { expect, test } from "vitest";
import { chooseReader } from "./pcsc-choice.js";

const acs = "ACS ACR122U PICC Interface (1-1.2) 00 00";
const acsAgain = "ACS ACR122U PICC Interface (1-1.3) 01 00";
const identiv = "Identiv uTrust 3700 F CL Reader [CCID Interface] (53691) 00 00";

test.each([
  ["the only reader", [acs], undefined, acs],
  ["the beginning of a name", [identiv, acs], "ACS ACR122U", acs],
  ["a serial number", [acs, identiv], "(53691)", identiv],
  ["a USB path", [acs, acsAgain], "(1-1.3)", acsAgain],
  ["a beginning outranks a part", [`Hub for ${identiv}`, identiv], "Identiv", identiv],
])("%s binds", (_, names, wanted, reader) => {
  expect(chooseReader(names, wanted)).toEqual({ reader });
});

test.each([
  ["no reader", [], undefined, /^absent: no reader is connected$/],
  ["no reader of that name", [acs], "uTrust", /^absent: no reader is named "uTrust"; connected: "ACS/],
  ["two readers and no name", [acs, identiv], undefined, /^ambiguous: 2 readers fit \("ACS .*configuration$/],
  ["a name that fits two", [acs, acsAgain], "ACS ACR122U", /^ambiguous: 2 readers fit/],
])("%s is refused", (_, names, wanted, reason) => {
  expect(chooseReader(names, wanted)).toEqual({ reason: expect.stringMatching(reason) as string });
});
