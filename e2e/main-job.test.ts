import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mainScenario } from "./harness/main-scenario.ts";
import { type OcelliProcess, removeFolders, startOcelli, temporaryFolder } from "./harness/ocelli-process.ts";

describe("the main job, in one process", () => {
  let ocelli: OcelliProcess;

  beforeAll(async () => {
    ocelli = await startOcelli(["up"], { OCELLI_DATA: temporaryFolder(), OCELLI_EVENTS: "in-process" });
  });

  afterAll(async () => {
    await ocelli.end("SIGTERM");
    removeFolders();
  });

  mainScenario(() => ocelli.address);

  test("Ctrl-C stops it with exit code 0", async () => {
    expect(await ocelli.end("SIGINT")).toBe(0);
  });
});
