export * from "./api/index.js";
export { type Bench, type BenchState, openBench } from "./demo/bench.js";
