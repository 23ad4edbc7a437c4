import { defineConfig } from "vitest/config";

/** Tests of what a process has once (tracer, signals, environment), and whole systems: a process a file. */
const ownProcess = [
  "packages/chassis/src/logger.test.ts",
  "packages/chassis/test/events/{buses,delivery-telemetry}.test.ts",
  "packages/chassis/test/call-tracing.test.ts",
  "packages/inference/test/tracing.test.ts",
  "gateway/test/{secrets,tracing}.test.ts",
  "cli/test/**/*.test.ts",
  "{e2e,bench,deploy,k8s}/**/*.test.ts",
];
/** What wants both cores for itself. */
const wholeMachine = ["e2e/{mesh,overload}.test.ts"];
// What takes minutes by itself runs with `npm run test:long`.
const excluded = ["**/node_modules/**", ...(process.env.OCELLI_LONG_TESTS ? [] : ["e2e/long/**"])];

export default defineConfig({
  test: {
    // Native libraries and worker threads want processes of their own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "shared process",
          include: ["{packages,services}/**/*.test.ts", "{gateway,cli,scripts}/**/*.test.ts"],
          exclude: [...excluded, ...ownProcess],
          // Loading the modules once a worker, not once a file, is a quarter of the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: "own process", include: ownProcess, exclude: [...excluded, ...wholeMachine] },
      },
      { extends: true, test: { name: "whole machine", include: wholeMachine } },
    ],
  },
});
