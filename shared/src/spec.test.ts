import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { alarmCodes, badgeCodes, decodeCodes, faultCodes, requestCodes, tapCodes, trustCodes } from "./codes.js";
import { usageKinds } from "./usage/usage-record.js";

const spec = readFileSync(new URL("../SPEC.md", import.meta.url), "utf8");

test("SPEC 9 lists every code with its line, and no other", () => {
  const listed = [...spec.matchAll(/^- `([A-Z0-9_]+)` (.+)$/gm)].map(([, code, line]) => [code, line]);
  const known = [decodeCodes, badgeCodes, tapCodes, trustCodes, faultCodes, requestCodes, alarmCodes].flatMap((codes) =>
    Object.entries(codes),
  );
  expect(listed).toEqual(known);
});

test("SPEC 6.3 lists the kinds of usage record in their wire order", () => {
  const line = /Kinds from 0: ([\s\S]+?)\./.exec(spec)?.[1] ?? "";
  expect(line.split(/,\s+/)).toEqual([...usageKinds]);
});
