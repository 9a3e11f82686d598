import { parseArgs } from "node:util";

type Benchmark = () => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;

const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  decision: async () => (await import("./decision.js")).benchDecision,
  agent: async () => (await import("./agent.js")).benchAgent,
  tap: async () => (await import("./tap.js")).benchTap,
  interlock: async () => (await import("./interlock.js")).benchInterlock,
  revoke: async () => (await import("./revoke.js")).benchRevoke,
  ingest: async () => (await import("./ingest.js")).benchIngest,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});
const load = benchmarks[positionals[0] ?? ""];
if (!load) {
  console.error(`bench: error: say which: ${Object.keys(benchmarks).join(" | ")}`);
  console.error("bench: hint: npm run bench -- decision --json");
  process.exit(2);
}
const result = await (await load())();
// The one object on the last line; for people it is spread over several.
console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exit(result.ok === false ? 1 : 0);
