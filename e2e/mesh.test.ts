import { execFile, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stages as stageTree } from "@ocelli/contracts";
import { natsInstalled } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { callGrpc, checkHealth, listServices } from "./harness/grpc-over-http2.ts";
import { mainScenario } from "./harness/main-scenario.ts";
import { type Mesh, startMesh } from "./harness/mesh.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { differentPictures } from "./harness/photos.ts";

// A method that needs no request fields, and how it answers a caller without a token.
const services = [
  { name: "auth", grpc: "ocelli.auth.v1.AuthService", method: "GetJwks", status: "OK" },
  {
    name: "library",
    grpc: "ocelli.library.v1.LibraryService",
    method: "GetPhoto",
    status: "UNAUTHENTICATED",
  },
  {
    name: "captioning",
    grpc: "ocelli.captioning.v1.CaptioningService",
    method: "GetCaption",
    status: "UNAUTHENTICATED",
  },
  { name: "face", grpc: "ocelli.face.v1.FaceService", method: "ListPhotoFaces", status: "UNAUTHENTICATED" },
  { name: "scene", grpc: "ocelli.scene.v1.SceneService", method: "GetScene", status: "UNAUTHENTICATED" },
  { name: "search", grpc: "ocelli.search.v1.SearchService", method: "Search", status: "UNAUTHENTICATED" },
] as const;
const statusNumbers = { OK: 0, UNAUTHENTICATED: 16 };
const foreignClient = fileURLToPath(new URL("./harness/foreign_client.py", import.meta.url));
/** A Python with grpcio, which Debian installs as python3-grpcio. */
const python = ["python3", "/usr/bin/python3"].find(
  (each) => spawnSync(each, ["-c", "import grpc, google.protobuf"]).status === 0,
);

describe.skipIf(!natsInstalled)("a mesh of separate processes (needs nats-server on PATH)", () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await startMesh();
  });

  afterAll(async () => {
    await mesh?.dispose();
    removeFolders();
  });

  describe("the main job", () => mainScenario(() => mesh.url));

  test("the gateway knows that every service is ready", async () => {
    const response = await fetch(`${mesh.url}/ready`);
    const { ready, checks } = z
      .object({ ready: z.boolean(), checks: z.record(z.string(), z.string()) })
      .parse(await response.json());
    expect(response.status).toBe(200);
    expect(ready).toBe(true);
    expect(Object.keys(checks)).toEqual(
      expect.arrayContaining([...services.map(({ name }) => name), "events"]),
    );
    expect(new Set(Object.values(checks))).toEqual(new Set(["ok"]));
  });

  test.each(services)("$name answers health, reflection and calls over bare HTTP/2", async (service) => {
    const { name, grpc, method, status } = service;
    const address = mesh.address(name);
    expect(await checkHealth(address, "")).toBe(1);
    expect(await checkHealth(address, grpc)).toBe(1);
    expect(await listServices(address)).toContain(grpc);
    expect((await callGrpc(address, `/${grpc}/${method}`, new Uint8Array())).status).toBe(
      statusNumbers[status],
    );
  });

  test.skipIf(!python).each(services)(
    "a Python client finds its way around $name from its address alone (needs python3-grpcio)",
    async ({ name, grpc, method, status }) => {
      const args = [foreignClient, mesh.address(name), grpc, method];
      const { stdout } = await promisify(execFile)(python ?? "", args);
      const result = JSON.parse(stdout);
      expect(result).toMatchObject({ serving: true, status });
      expect(result.services).toContain(grpc);
      if (name === "auth") expect(JSON.parse(result.answer.jwksJson).keys).not.toHaveLength(0);
    },
  );

  // The last delivery of a killed process comes back when NATS has waited 30 s for its acknowledgement.
  // Each with pictures of its own: results of bytes seen before are reused.
  test.each([{ victims: ["library"], first: 6 }] as const)(
    "$victims, killed and restarted midway, finish their stages",
    async ({ victims, first }) => {
      const client = await Client.signedUp(mesh.url, `${victims[0]}@example.org`);
      const ids = await Promise.all(
        (await differentPictures(6, first)).map((bytes, index) => client.upload(bytes, `${index}.jpg`)),
      );
      await untilMidway(client, ids);
      const ended = victims.map((victim) => mesh.process(victim).end("SIGKILL"));
      expect(await Promise.all(ended)).toEqual(victims.map(() => null));
      await Promise.all(victims.map((victim) => mesh.restart(victim)));
      await untilReady(mesh.url);
      for (const id of ids) {
        const photo = await client.analysed(id, 90_000);
        expect(Object.values(photo.stages).map(({ status }) => status)).toEqual(
          stageTree.map(() => "SUCCEEDED"),
        );
        expect(photo.caption?.text).toBeTruthy();
      }
      const found = (await client.search("cup of coffee")).map((hit) => hit.photoId);
      expect(found.sort()).toEqual(ids.sort());
    },
    180_000,
  );

  test("SIGTERM ends every process with exit code 0", async () => {
    const names = [...services.map(({ name }) => name), "gateway"];
    expect(await mesh.stop()).toEqual(Object.fromEntries(names.map((name) => [name, 0])));
  });
});

/** Waits until the first stages have succeeded, while others have not. */
async function untilMidway(client: Client, ids: readonly string[]): Promise<void> {
  for (;;) {
    const photos = await Promise.all(ids.map((id) => client.photo(id)));
    const stages = photos.flatMap((photo) => Object.values(photo.stages));
    const succeeded = stages.filter(({ status }) => status === "SUCCEEDED").length;
    if (succeeded < 3) {
      await delay(50);
      continue;
    }
    expect(succeeded, "stages done at the kill").toBeLessThan(stageTree.length * ids.length);
    return;
  }
}

/** The gateway's connection to a restarted service comes back by itself. */
async function untilReady(url: string): Promise<void> {
  await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 15_000 }).toBe(200);
}
