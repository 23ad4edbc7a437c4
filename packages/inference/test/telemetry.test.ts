import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { TELEMETRY_SETTING } from "../src/telemetry-off.ts";

const script = fileURLToPath(new URL("./fixtures/report-environment.ts", import.meta.url));

describe("onnxruntime's telemetry", () => {
  it("is off in the real environment of a fresh process before any worker loads the library", async () => {
    const { [TELEMETRY_SETTING]: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
    expect(JSON.parse(stdout)).toEqual({ before: null, early: false, native: "1", copy: "1" });
  });

  it("a worker refuses to load the library when the setting is not in force", async () => {
    const { [TELEMETRY_SETTING]: _, ...env } = process.env;
    const workerData = { threads: 1, allowSpinning: false };
    const worker = new Worker(new URL("../src/worker.ts", import.meta.url), { env, workerData });
    const error = await new Promise<Error>((resolve) => worker.once("error", resolve));
    expect(error.message).toContain(TELEMETRY_SETTING);
  });
});
