import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { natsInstalled } from "@ocelli/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { removeFolders, runOcelli, startOcelli, temporaryFolder } from "./harness/ocelli-process.ts";

const models = fileURLToPath(new URL("../models/starter/", import.meta.url));

describe("start-up says in one line what is wrong and how to mend it", () => {
  afterEach(removeFolders);

  const inProcess = { OCELLI_EVENTS: "in-process" };

  test("a busy port", async () => {
    const { holder, port } = await holdPort();
    const result = await runOcelli(["up"], {
      ...inProcess,
      OCELLI_DATA: temporaryFolder(),
      PORT: String(port),
    });
    holder.close();
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toContain(
      `PORT: ${port} is in use; choose another port or stop what uses it`,
    );
  });

  test("bad settings, all at once", async () => {
    const result = await runOcelli(["up"], {
      ...inProcess,
      OCELLI_DATA: temporaryFolder(),
      PORT: "99999",
      MAX_UPLOAD_BYTES: "huge",
    });
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toMatch(/PORT: must be a whole number.*MAX_UPLOAD_BYTES: must be a size/);
  });

  test("a data directory that is a file", async () => {
    const file = join(temporaryFolder(), "data");
    writeFileSync(file, "not a folder");
    const result = await runOcelli(["up"], { ...inProcess, OCELLI_DATA: file });
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toContain("set OCELLI_DATA to a writable folder");
  });

  test("a broken database in the data directory", async () => {
    const data = temporaryFolder();
    mkdirSync(join(data, "database"));
    writeFileSync(join(data, "database", "PG_VERSION"), "broken");
    const result = await runOcelli(["up"], { ...inProcess, OCELLI_DATA: data });
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toContain("from a backup");
  });

  test.skipIf(!natsInstalled)(
    "a broken database, with no nats-server left behind (needs nats-server)",
    async () => {
      const data = temporaryFolder();
      mkdirSync(join(data, "database"));
      writeFileSync(join(data, "database", "PG_VERSION"), "broken");
      const result = await runOcelli(["up"], { OCELLI_EVENTS: "nats", OCELLI_DATA: data });
      expect(oneLine(result.stderr)).toContain("from a backup");
      expect(readdirSync(join(data, "nats"))).toContain("nats.conf");
      expect(readdirSync(join(data, "nats"))).not.toContain("nats.pid");
    },
  );

  test("a missing model file and a wrong one", async () => {
    const folder = join(temporaryFolder(), "models");
    cpSync(models, folder, { recursive: true, filter: (source) => !source.includes("node_modules") });
    // The package's own dependencies hold the text-reading models.
    symlinkSync(join(models, "node_modules"), join(folder, "node_modules"));
    rmSync(join(folder, "vision.onnx"));
    const wrong = readFileSync(join(folder, "text-head.onnx"));
    wrong[1000] = (wrong[1000] ?? 0) ^ 0xff;
    writeFileSync(join(folder, "text-head.onnx"), wrong);
    const result = await runOcelli(["up"], {
      ...inProcess,
      OCELLI_DATA: temporaryFolder(),
      OCELLI_MODELS: folder,
    });
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toMatch(/vision\.onnx.*is missing/);
    expect(oneLine(result.stderr)).toMatch(/text-head\.onnx.*is not the right one/);
  });

  test("a data directory in use, then a second start that keeps the data", async () => {
    const data = temporaryFolder();
    const first = await startOcelli(["up"], { ...inProcess, OCELLI_DATA: data });
    const second = await runOcelli(["up"], { ...inProcess, OCELLI_DATA: data });
    expect(second.code).toBe(1);
    expect(oneLine(second.stderr)).toContain("in use by process");
    const keysBefore = await jwks(first.address);
    expect(await first.end("SIGINT")).toBe(0);
    const again = await startOcelli(["up"], { ...inProcess, OCELLI_DATA: data });
    expect(await jwks(again.address)).toEqual(keysBefore);
    expect(await again.end("SIGTERM")).toBe(0);
  });
});

describe("a service alone says in one line what is wrong", () => {
  afterEach(removeFolders);

  const alone = () => ({
    OCELLI_DATA: temporaryFolder(),
    OCELLI_EVENTS: "in-process",
    LIBRARY_SERVICE_SECRET: "a secret of the library",
  });

  test.each(["gateway", "search"])("%s without its settings", async (name) => {
    const result = await runOcelli(["serve", name], { OCELLI_DATA: temporaryFolder() });
    expect(result.code).toBe(1);
    const line = oneLine(result.stderr);
    expect(line).toContain(`${name.toUpperCase()}_SERVICE_SECRET is required`);
    expect(line).toContain("NATS_URL is required");
  });

  test("auth and the gateway without NATS", async () => {
    for (const name of ["auth", "gateway"]) {
      const env = { OCELLI_DATA: temporaryFolder(), GATEWAY_SERVICE_SECRET: "a secret of the gateway" };
      const result = await runOcelli(["serve", name], env);
      expect(result.code).toBe(1);
      expect(oneLine(result.stderr)).toMatch(/^ocelli: bad configuration: NATS_URL is required/);
    }
  });

  test("a busy port", async () => {
    const { holder, port } = await holdPort();
    const result = await runOcelli(["serve", "library"], { ...alone(), LIBRARY_PORT: String(port) });
    holder.close();
    expect(result.code).toBe(1);
    expect(oneLine(result.stderr)).toContain(
      `LIBRARY_PORT: ${port} is in use; choose another port or stop what uses it`,
    );
  });

  test("NATS and Postgres that are not there", async () => {
    const { holder, port } = await holdPort();
    holder.close();
    const nats = await runOcelli(["serve", "library"], { ...alone(), NATS_URL: `nats://127.0.0.1:${port}` });
    expect(nats.code).toBe(1);
    expect(oneLine(nats.stderr)).toContain("check NATS_URL");
    const url = `postgresql://ocelli:hidden@127.0.0.1:${port}/library`;
    const postgres = await runOcelli(["serve", "library"], { ...alone(), DATABASE_URL_LIBRARY: url });
    expect(postgres.code).toBe(1);
    expect(oneLine(postgres.stderr)).toContain("DATABASE_URL_LIBRARY: the database cannot be used");
    expect(postgres.stderr).not.toContain("hidden");
  });

  test("a service that does not exist", async () => {
    const result = await runOcelli(["serve", "darkroom"], {});
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('unknown service "darkroom"; one of gateway, auth, library');
  });
});

/** A port that something else listens on. */
async function holdPort(): Promise<{ holder: Server; port: number }> {
  const holder = createServer();
  const port = await new Promise<number>((resolve) => {
    holder.listen(0, "127.0.0.1", () => {
      const address = holder.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
  return { holder, port };
}

async function jwks(address: string): Promise<unknown> {
  return (await fetch(`${address}/.well-known/jwks.json`)).json();
}

function oneLine(stderr: string): string {
  const lines = stderr.trim().split("\n");
  expect(lines, stderr).toHaveLength(1);
  expect(lines[0]).toMatch(/^ocelli: /);
  return lines[0] ?? "";
}
