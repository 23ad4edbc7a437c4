import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadManifest, ManifestInvalid, verifyManifest } from "../src/index.ts";
import { startEngine, textHeadInput, writeSmallPack } from "./support.ts";

let pack: Awaited<ReturnType<typeof writeSmallPack>>;
beforeEach(async () => {
  pack = await writeSmallPack();
});
afterEach(() => pack.remove());

async function runError(): Promise<unknown> {
  const engine = startEngine({ manifest: loadManifest(pack.folder) });
  try {
    return await engine.run("text-head", textHeadInput(1)).catch((error: unknown) => error);
  } finally {
    await engine.close();
  }
}

describe("model files", () => {
  it("the starter pack is whole, contents included", async () => {
    expect(await verifyManifest(loadManifest(), { hash: true })).toEqual([]);
  });

  it("a missing file is named at start-up and at first use", async () => {
    await rm(pack.modelPath);
    const problems = await verifyManifest(loadManifest(pack.folder));
    expect(problems).toMatchObject([{ id: "text-head", reason: "MODEL_FILE_MISSING" }]);
    expect(problems[0]?.message).toContain(pack.modelPath);
    expect(await runError()).toMatchObject({ reason: "MODEL_FILE_MISSING", code: "FAILED_PRECONDITION" });
  });

  it("a file cut short is found without hashing", async () => {
    await truncate(pack.modelPath, 1000);
    expect(await verifyManifest(loadManifest(pack.folder))).toMatchObject([{ reason: "MODEL_FILE_CORRUPT" }]);
  });

  it("a file of the right size with other content is refused at first load, never run", async () => {
    const manifest = loadManifest(pack.folder);
    await writeFile(pack.modelPath, new Uint8Array(manifest.models[0]?.bytes ?? 0));
    expect(await verifyManifest(manifest)).toEqual([]);
    expect(await verifyManifest(manifest, { hash: true })).toMatchObject([{ reason: "MODEL_FILE_CORRUPT" }]);
    const error = await runError();
    expect(error).toMatchObject({ reason: "MODEL_FILE_CORRUPT", modelId: "text-head", retryable: false });
    expect(String(error)).toContain(pack.modelPath);
    expect(String(error)).toMatch(/replace it/);
  });
});

describe("manifest", () => {
  it.each([
    ["no JSON", "{", /cannot read/],
    ["an unknown shape", JSON.stringify({ name: "x", version: "1", models: [] }), /models/],
  ])("refuses %s, naming the file", async (_, text, problem) => {
    const path = join(pack.folder, "manifest.json");
    await writeFile(path, text);
    expect(() => loadManifest(path)).toThrow(ManifestInvalid);
    expect(() => loadManifest(path)).toThrow(problem);
    expect(() => loadManifest(path)).toThrow(path);
  });

  it("refuses files outside its folder", async () => {
    const { path: _, ...model } = loadManifest(pack.folder).models[0] ?? { path: "" };
    const escaping = { name: "x", version: "1", models: [{ ...model, file: "../../etc/passwd" }], data: [] };
    await writeFile(join(pack.folder, "manifest.json"), JSON.stringify(escaping));
    expect(() => loadManifest(pack.folder)).toThrow(/inside the manifest's folder/);
  });
});
