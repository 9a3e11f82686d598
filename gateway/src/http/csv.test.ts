import { describe, expect, test } from "vitest";
import { csvCell } from "./csv.js";

describe("csvCell", () => {
  test.each([
    ["Ada", "Ada"],
    [null, ""],
    [7, "7"],
    ['say "hi", Ada', '"say ""hi"", Ada"'],
    ["two\r\nlines", '"two\r\nlines"'],
    ["=1+1", "'=1+1"],
    ["+49 123", "'+49 123"],
    ["-2", "'-2"],
    ["@sum", "'@sum"],
    ["\tx", "'\tx"],
    ['=cmd|" /C calc"!A0', '"\'=cmd|"" /C calc""!A0"'],
    ["a=b", "a=b"],
  ])("%j", (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});
