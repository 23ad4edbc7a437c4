import { loadSettings } from "@ocelli/chassis";
import { z } from "zod";
import type { Client } from "../e2e/harness/client.ts";
import { settings as authSettings } from "../services/auth/src/config.ts";
import { createPasswords } from "../services/auth/src/passwords.ts";
import { measureVerification } from "./access-verification.ts";
import { type BenchSize, type Figure, median } from "./figures.ts";
import { startMesh } from "./mesh.ts";
import { measureRefusals } from "./refusals.ts";

const group = "access";
const password = "correct horse battery staple";

/** What logging in costs, what checking tokens adds to requests, and how soon an ended session is refused. */
export async function measureAccess(dataDir: string, size: BenchSize): Promise<Figure[]> {
  const mesh = await startMesh(
    dataDir,
    { AUTH_LIMIT_LOGIN_ADDRESS: "off", AUTH_LIMIT_LOGIN_ACCOUNT: "off", RATE_LIMIT_AUTH: "off" },
    "access",
  );
  try {
    const hashes = await timeHashes(size.logins);
    const logins = await timeLogins(mesh.client, size.logins);
    return [
      {
        group,
        name: "Argon2 of one login, p50",
        value: median(hashes),
        unit: "ms",
        target: { at: "least", value: 50 },
      },
      { group, name: "a login over HTTP, p50", value: median(logins), unit: "ms" },
      ...(await measureVerification(mesh, await createApiKey(mesh.client), size.requests)),
      ...(await measureRefusals(mesh, size.logins)),
    ];
  } finally {
    await mesh.process.end("SIGTERM");
  }
}

/** Milliseconds of each check of a password, at the cost of the default settings, one at a time. */
async function timeHashes(count: number): Promise<number[]> {
  const config = loadSettings(authSettings, {});
  const passwords = await createPasswords({
    memoryBytes: config.passwordMemoryBytes,
    passes: config.passwordPasses,
    concurrency: 1,
    queue: 0,
  });
  const stored = await passwords.hash(password);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    await passwords.matches(password, stored);
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function timeLogins(client: Client, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now();
    const response = await client.post("/auth/login", { email: "access@example.org", password });
    if (!response.ok) throw new Error(`login: ${response.status}`);
    await response.arrayBuffer();
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function createApiKey(client: Client): Promise<string> {
  const response = await client.post("/api-keys", { name: "bench", scopes: ["profile"] });
  return z.object({ secret: z.string() }).parse(await response.json()).secret;
}
