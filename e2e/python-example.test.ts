import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const example = join(root, "examples/python/upload_photo.py");
/** A Python with grpcio, which Debian installs as python3-grpcio. */
const python = ["python3", "/usr/bin/python3"].find(
  (each) => spawnSync(each, ["-c", "import grpc, google.protobuf"]).status === 0,
);
const run = promisify(execFile);

describe.skipIf(!python)("the Python example with a service account (needs python3-grpcio)", () => {
  let ocelli: OcelliProcess;
  let admin: Client;
  let userId: string;
  const addresses = { auth: "", library: "" };

  beforeAll(async () => {
    ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
    admin = await Client.signedUp(ocelli.address, "admin@example.org");
    userId = z.object({ id: z.string() }).parse(await (await admin.request("/users/me")).json()).id;
    for (const name of ["auth", "library"] as const) {
      addresses[name] = new RegExp(`${name} (127\\.0\\.0\\.1:\\d+)`).exec(ocelli.output())?.[1] ?? "";
    }
  });

  afterAll(async () => {
    await ocelli?.end("SIGTERM");
    removeFolders();
  });

  async function account(name: string, scopes: string[], onlyUser?: string): Promise<string> {
    const response = await admin.post("/service-accounts", {
      name,
      scopes,
      ...(onlyUser ? { userId: onlyUser } : {}),
    });
    expect(response.status).toBe(201);
    return z.object({ secret: z.string() }).parse(await response.json()).secret;
  }

  function upload(client: string, secret: string, user: string) {
    const { auth, library } = addresses;
    const photo = join(root, "e2e/photos/coffee.png");
    return run(
      python ?? "",
      [example, "--client", client, "--user", user, "--auth", auth, "--library", library, photo],
      { env: { OCELLI_SERVICE_SECRET: secret, PYTHONDONTWRITEBYTECODE: "1" } },
    );
  }

  test("uploads a photo for a user and sees its analysis end", async () => {
    const secret = await account("importer", ["photos:read", "photos:write"]);
    const { stdout } = await upload("importer", secret, userId);
    const answer = z
      .object({ id: z.uuid(), duplicate: z.boolean(), stages: z.record(z.string(), z.string()) })
      .parse(JSON.parse(stdout));
    expect(answer.duplicate).toBe(false);
    expect(new Set(Object.values(answer.stages))).toEqual(new Set(["SUCCEEDED"]));
    expect((await admin.photo(answer.id)).filename).toBe("coffee.png");
  });

  test("is refused with a wrong secret, without the scope, and for another user", async () => {
    const reader = await account("reader", ["photos:read"]);
    const bound = await account("bound", ["photos:read", "photos:write"], userId);
    const stranger = "01999999-0000-7000-8000-000000000001";
    await expect(upload("importer", "ocelli_sa_wrong", userId)).rejects.toThrow(/UNAUTHENTICATED/);
    await expect(upload("reader", reader, userId)).rejects.toThrow(/PERMISSION_DENIED/);
    await expect(upload("bound", bound, stranger)).rejects.toThrow(/PERMISSION_DENIED/);
  });
});
