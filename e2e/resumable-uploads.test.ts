import { randomFillSync } from "node:crypto";
import { natsInstalled } from "@ocelli/testkit";
import sharp from "sharp";
import { Upload, type UploadOptions } from "tus-js-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { type Mesh, startMesh } from "./harness/mesh.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

const tus = { "tus-resumable": "1.0.0" };
const octets = { ...tus, "content-type": "application/offset+octet-stream" };

describe.skipIf(!natsInstalled)("uploads in pieces (needs nats-server on PATH)", () => {
  let mesh: Mesh;
  let gateways: string[];
  let client: Client;

  beforeAll(async () => {
    mesh = await startMesh();
    gateways = [mesh.url, (await mesh.addGateway()).address];
    client = await Client.signedUp(mesh.url, "uploads@example.org");
  });
  afterAll(async () => {
    await mesh?.dispose();
    removeFolders();
  });

  const addressAt = (gateway: number, path: string) => `${gateways[gateway]}${path}`;

  async function open(sizeBytes: number, headers: Record<string, string> = {}, as = client): Promise<string> {
    const answer = await as.request("/uploads", {
      method: "POST",
      headers: { ...tus, "upload-length": String(sizeBytes), ...headers },
    });
    expect([answer.status, await answer.text()]).toEqual([201, ""]);
    return answer.headers.get("location") ?? "";
  }

  const patch = (path: string, offset: number, body: string, as = client) =>
    as.request(path.replace("/api/v1", ""), {
      method: "PATCH",
      headers: { ...octets, "upload-offset": String(offset) },
      body,
    });

  /** Sends with the public client until `stopAt` bytes are on their way, or to the end. */
  function send(bytes: Buffer, options: UploadOptions, stopAt = Number.POSITIVE_INFINITY): Promise<Upload> {
    return new Promise((resolve, reject) => {
      const upload: Upload = new Upload(bytes, {
        chunkSize: 6_000_000,
        retryDelays: [100, 300, 1000, 2000],
        headers: { authorization: `Bearer ${client.token}` },
        ...options,
        onError: reject,
        onSuccess: (payload) => {
          options.onSuccess?.(payload);
          resolve(upload);
        },
        onProgress: (sent) => {
          if (sent >= stopAt) void upload.abort().then(() => resolve(upload), reject);
        },
      });
      upload.start();
    });
  }

  test("20 MB broken off twice go on at either gateway and become the very same photo, analysed", async () => {
    const side = 2600;
    const noise = sharp(randomFillSync(Buffer.alloc(side * side * 3)), {
      raw: { width: side, height: side, channels: 3 },
    });
    const bytes = await noise.png({ compressionLevel: 0 }).toBuffer();
    expect(bytes.length).toBeGreaterThan(20_000_000);
    const metadata = { filename: "große Datei.png", filetype: "image/png" };
    const first = await send(bytes, { endpoint: addressAt(0, "/api/v1/uploads"), metadata }, 4_000_000);
    const path = new URL(first.url ?? "").pathname;
    const status = async () => {
      const answer = await client.request(path.replace("/api/v1", ""));
      return z.object({ offset: z.number(), photoId: z.uuid().nullable() }).parse(await answer.json());
    };
    await send(bytes, { uploadUrl: addressAt(1, path) }, 13_000_000);
    const half = await status();
    expect(half.photoId).toBeNull();
    expect(half.offset).toBeGreaterThanOrEqual(6_000_000);
    expect(half.offset).toBeLessThan(bytes.length);
    let photoId = "";
    await send(bytes, {
      uploadUrl: addressAt(0, path),
      onSuccess: ({ lastResponse }) => {
        photoId = lastResponse.getHeader("ocelli-photo-id") ?? "";
      },
    });
    expect(await status()).toEqual({ offset: bytes.length, photoId });
    const original = await client.request(`/photos/${photoId}/original`);
    expect(Buffer.from(await original.arrayBuffer()).equals(bytes)).toBe(true);
    const photo = await client.analysed(photoId);
    expect(photo).toMatchObject({ filename: "große Datei.png", sizeBytes: bytes.length, width: side });
  });

  test("a small photo comes with the request that opens its upload", async () => {
    const bytes = Buffer.from(photoBytes("rocket.jpg"));
    const endpoint = addressAt(1, "/api/v1/uploads");
    const { url } = await send(bytes, { endpoint, uploadDataDuringCreation: true, chunkSize: 50_000_000 });
    const head = await client.request(new URL(url ?? "").pathname.replace("/api/v1", ""), {
      method: "HEAD",
      headers: tus,
    });
    expect(head.headers.get("upload-offset")).toBe(String(bytes.length));
    expect(head.headers.get("ocelli-photo-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(head.headers.get("tus-resumable")).toBe("1.0.0");
    expect(head.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("what the protocol does not allow is a problem and changes nothing", async () => {
    const path = await open(10);
    expect((await patch(path, 0, "01234")).headers.get("upload-offset")).toBe("5");
    expect(await outcomeOf(patch(path, 4, "x"))).toBe("409 OFFSET_MISMATCH");
    expect(await outcomeOf(patch(path, 5, "567890"))).toBe("413 FILE_TOO_LARGE");
    expect(await outcomeOf(client.request(path.replace("/api/v1", ""), { method: "PATCH" }))).toBe(
      "412 TUS_VERSION_REQUIRED",
    );
    const refused = (headers: Record<string, string>) =>
      outcomeOf(client.request("/uploads", { method: "POST", headers: { ...tus, ...headers } }));
    expect(await refused({ "upload-length": "1000000000000" })).toBe("413 FILE_TOO_LARGE");
    expect(await refused({ "upload-length": "0" })).toBe("400 INVALID_UPLOAD");
    expect(await refused({})).toBe("400 INVALID_TUS_REQUEST");
    expect(await refused({ "upload-length": "-1" })).toBe("400 INVALID_TUS_REQUEST");
    expect(await refused({ "upload-defer-length": "1" })).toBe("501 TUS_EXTENSION_UNKNOWN");
    const metadata = (value: string) => ({
      "upload-length": "5",
      "upload-metadata": `albumId ${btoa(value)}`,
    });
    expect(await refused(metadata("../x"))).toBe("400 INVALID_UPLOAD_METADATA");
    expect(await refused(metadata(crypto.randomUUID()))).toBe("404 ALBUM_NOT_FOUND");
    expect(await outcomeOf(patch(path, 5, "56789"))).toBe("415 UNSUPPORTED_MEDIA_TYPE");
  });

  test("uploads are their owner's alone, and need a login", async () => {
    const path = await open(10);
    const other = await Client.signedUp(mesh.url, "other-uploads@example.org");
    const short = path.replace("/api/v1", "");
    expect(await outcomeOf(patch(path, 0, "x", other))).toBe("404 UPLOAD_NOT_FOUND");
    expect(await outcomeOf(other.request(short))).toBe("404 UPLOAD_NOT_FOUND");
    expect((await other.request(short, { method: "HEAD", headers: tus })).status).toBe(404);
    expect(await outcomeOf(other.request(short, { method: "DELETE", headers: tus }))).toBe(
      "404 UPLOAD_NOT_FOUND",
    );
    expect(await outcomeOf(client.request("/uploads/nothing"))).toBe("404 UPLOAD_NOT_FOUND");
    const nobody = new Client(mesh.url);
    expect(await outcomeOf(nobody.request("/uploads", { method: "POST", headers: tus }))).toBe(
      "401 UNAUTHENTICATED",
    );
    expect((await client.request(short, { method: "DELETE", headers: tus })).status).toBe(204);
    expect(await outcomeOf(client.request(short))).toBe("404 UPLOAD_NOT_FOUND");
  });
});
