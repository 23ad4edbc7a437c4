import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{packages,services}/**/*.test.ts", "{gateway,cli,e2e,scripts,bench}/**/*.test.ts"],
    exclude: ["**/node_modules/**"],
    // Native libraries and worker threads want processes of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
