import { expect, test } from "vitest";
import { runFuzz } from "../fuzz/run-fuzz.js";

// A taste of `npm run fuzz`, so that a wrong reader is noticed before CI runs the full count.
test("1,000 mutations of every signed object: accepted exactly the valid ones, no crash, the oracle agrees", () => {
  const result = runFuzz(1_000, 7, () => undefined);
  expect(result.failures).toEqual([]);
  expect(result.missing).toEqual([]);
  expect(result.accepted).toBe(result.markedValid);
}, 120_000);
