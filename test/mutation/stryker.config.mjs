// `npm run mutation`: how many small faults in the interlock and the tap's verdict the tests notice (docs:
// CONTRIBUTING.md).
export default {
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  mutate: [
    "device-agent/src/{interlock,tap}/**/*.ts",
    "!**/*.test.ts",
    "!**/*-fixture.ts",
    "!device-agent/src/interlock/search/**",
  ],
  ignorePatterns: ["dist", "coverage", "test/hardware", "admin", "gateway", "test/gpio", "test/storage"],
  coverageAnalysis: "perTest",
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 15_000,
  reporters: ["clear-text", "progress-append-only", "json"],
  jsonReporter: { fileName: "coverage/mutation.json" },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  tempDirName: "coverage/stryker",
  cleanTempDir: true,
};
