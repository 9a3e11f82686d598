export * from "./api/index.js";
export type { CliIo } from "./cli/io.js";
export { runCli } from "./cli/main.js";
export { type Bench, type BenchState, openBench } from "./demo/bench.js";
