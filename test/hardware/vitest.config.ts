import { defineConfig } from "vitest/config";

// Run by run.mjs. All files share one pcscd socket, so one file at a time.
export default defineConfig({
  test: {
    name: "hardware",
    root: import.meta.dirname,
    include: ["*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 30_000,
    fileParallelism: false,
    pool: "forks",
  },
});
