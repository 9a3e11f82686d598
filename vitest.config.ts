import { defineConfig } from "vitest/config";

// `npm test` is the first project: nothing in it needs a system package. The others are run by name.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "main",
          include: [
            "{shared,device-agent,gateway,admin}/src/**/*.test.ts",
            "test/{flows,conformance,storage}/**/*.test.ts",
          ],
          exclude: ["**/dist/**", "**/node_modules/**"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          exclude: ["**/dist/**", "**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
  },
});
