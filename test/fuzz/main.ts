import { fork } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type FuzzResult, merged } from "./run-fuzz.js";

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
const shares = os.availableParallelism();
const result = merged(await Promise.all(Array.from({ length: shares }, (_, index) => runShare(index))));
if (!values.json) {
  for (const [code, count] of Object.entries(result.codes).sort(([, a], [, b]) => b - a))
    console.error(`${String(count).padStart(9)} ${code}`);
  for (const failure of result.failures) console.error(`FAILED ${failure}`);
  if (result.missing.length > 0) console.error(`never seen: ${result.missing.join(", ")}`);
}
console.log(JSON.stringify({ seed: Number(values.seed), node: process.version, ...result }));
process.exit(result.failures.length > 0 || result.missing.length > 0 || result.accepted !== result.markedValid ? 1 : 0);

async function runShare(index: number): Promise<FuzzResult> {
  const child = fork(fileURLToPath(new URL("share-process.js", import.meta.url)));
  child.send({ perTarget, seed: Number(values.seed), index, of: shares });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`a share of the run ended with ${String(code)}`);
  });
  const [answer] = (await Promise.race([once(child, "message"), ended])) as [FuzzResult];
  ended.catch(() => undefined); // its ordinary end
  return answer;
}
