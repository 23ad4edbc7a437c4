import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{packages,services}/**/*.test.ts", "{gateway,cli,e2e,scripts,bench,deploy,k8s}/**/*.test.ts"],
    // What takes minutes by itself runs with `npm run test:long`.
    exclude: ["**/node_modules/**", ...(process.env.OCELLI_LONG_TESTS ? [] : ["e2e/long/**"])],
    // Native libraries and worker threads want processes of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
