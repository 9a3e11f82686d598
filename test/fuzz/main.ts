import { parseArgs } from "node:util";
import { runFuzz } from "./run-fuzz.js";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const perTarget = Number(values.count);
if (!Number.isSafeInteger(perTarget) || perTarget < 1) {
  console.error("fuzz: error: --count takes a number of cases for each object");
  process.exit(2);
}
const result = runFuzz(perTarget, Number(values.seed), (line) => console.error(line));
if (!values.json) {
  for (const [code, count] of Object.entries(result.codes).sort(([, a], [, b]) => b - a))
    console.error(`${String(count).padStart(9)} ${code}`);
  for (const failure of result.failures) console.error(`FAILED ${failure}`);
  if (result.missing.length > 0) console.error(`never seen: ${result.missing.join(", ")}`);
}
console.log(JSON.stringify({ seed: Number(values.seed), node: process.version, ...result }));
process.exit(result.failures.length > 0 || result.missing.length > 0 || result.accepted !== result.markedValid ? 1 : 0);
