import { defineConfig } from "vitest/config";

// What judges a mutant: the fast, exact tests of the pure core. The exhaustive search and the long simulations take
// seconds each, too long for thousands of mutants.
export default defineConfig({
  test: {
    include: ["device-agent/src/{interlock,tap}/**/*.test.ts"],
    exclude: ["**/dist/**", "**/node_modules/**", "**/*.search.test.ts", "**/search/**"],
    maxWorkers: 1,
  },
});
