import { AppError, createRpcClient } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { Metadata } from "nice-grpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import {
  everywhere,
  type GrpcServices,
  grpcAddress,
  openServices,
  outcomeOfCall,
} from "./harness/grpc-services.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

// What a whole client in another language does with such an account is in python-example.test.ts.

const createdSchema = z.object({ id: z.uuid(), name: z.string(), secret: z.string() });
let ocelli: OcelliProcess;
let services: GrpcServices;
let library: ReturnType<typeof openLibrary>;
let admin: Client;
let buyer: z.infer<typeof createdSchema> | undefined;

function openLibrary(address: string) {
  return createRpcClient(libraryV1.LibraryServiceDefinition, { address });
}

beforeAll(async () => {
  ocelli = await startOcelli(["up"], { OCELLI_DATA: dataDirectory(), OCELLI_EVENTS: "in-process" });
  services = openServices((name) => grpcAddress(ocelli, name));
  library = openLibrary(grpcAddress(ocelli, "library"));
  admin = await Client.signedUp(ocelli.address, "admin@example.org");
});

afterAll(async () => {
  services?.close();
  library?.close();
  await ocelli?.end("SIGTERM");
  removeFolders();
});

async function create(name: string, scopes: string[], userId?: string) {
  const response = await admin.post("/service-accounts", { name, scopes, ...(userId ? { userId } : {}) });
  expect(response.status).toBe(201);
  return createdSchema.parse(await response.json());
}

async function tokenOf({ name, secret }: { name: string; secret: string }): Promise<string> {
  return (await services.auth.issueServiceToken({ clientId: name, clientSecret: secret })).accessToken;
}

/** Photos of a user as the account sees them: how many, or why not. */
async function photosOf(bearer: string, userId?: string): Promise<number | string> {
  const metadata = Metadata(userId === undefined ? {} : { "x-ocelli-acting-user": userId });
  try {
    const answer = await library.client.listPhotos({ pageSize: 10, pageToken: "" }, { bearer, metadata });
    return answer.photos.length;
  } catch (error) {
    return AppError.from(error).reason;
  }
}

test("only an administrator who logged in makes, sees and ends them", async () => {
  const user = await Client.signedUp(ocelli.address, "user@example.org");
  const wanted = { name: "mine", scopes: ["photos:read"] };
  expect(await outcomeOf(user.post("/service-accounts", wanted))).toBe("403 SCOPE_REQUIRED");
  expect(await outcomeOf(user.request("/service-accounts"))).toBe("403 SCOPE_REQUIRED");
  const made = await admin.post("/api-keys", { name: "admin's", scopes: ["admin"] });
  const key = new Client(ocelli.address);
  key.apiKey = z.object({ secret: z.string() }).parse(await made.json()).secret;
  expect(await outcomeOf(key.post("/service-accounts", wanted))).toBe("403 SESSION_REQUIRED");
  const account = await create("mine", ["photos:read"]);
  expect(await outcomeOf(admin.post("/service-accounts", wanted))).toBe("409 SERVICE_ACCOUNT_EXISTS");
  const list = await (await admin.request("/service-accounts")).text();
  expect(list).toContain('"mine"');
  expect(list).not.toContain(account.secret.slice(10));
});

test.each([
  ["a wrong secret", (secret: string) => ({ clientId: "buyer", clientSecret: `${secret.slice(0, -1)}_` })],
  ["no secret", () => ({ clientId: "buyer", clientSecret: "" })],
  ["an unknown name", (secret: string) => ({ clientId: "nobody", clientSecret: secret })],
  ["the name of one of Ocelli's own", (secret: string) => ({ clientId: "library", clientSecret: secret })],
])("%s buys no token, and is answered as any other", async (_name, change) => {
  buyer ??= await create("buyer", ["photos:read"]);
  const { secret } = buyer;
  expect(await outcomeOfCall(services.auth.issueServiceToken(change(secret)))).toBe(
    "UNAUTHENTICATED INVALID_CREDENTIALS",
  );
});
test("it acts for users by its scopes, for one or for any, and never over HTTP", async () => {
  const ada = await Client.signedUp(ocelli.address, "ada@example.org");
  const [adaId, adminId] = [await ada.id(), await admin.id()];
  const any = await tokenOf(await create("for-any", ["photos:read"]));
  const bound = await tokenOf(await create("for-ada", ["photos:read"], adaId));
  const blind = await tokenOf(await create("no-photos", ["search"]));
  expect([await photosOf(any, adaId), await photosOf(any, adminId)]).toEqual([0, 0]);
  expect(await photosOf(any)).toBe("NO_ACTING_USER");
  expect(await photosOf(bound, adaId)).toBe(0);
  expect(await photosOf(bound, adminId)).toBe("ACTING_USER_NOT_ALLOWED");
  expect(await photosOf(blind, adaId)).toBe("SCOPE_REQUIRED");
  const overHttp = new Client(ocelli.address);
  overHttp.token = any;
  expect(await outcomeOf(overHttp.request("/photos"))).toBe("403 USERS_ONLY");
});

test("deleted, its tokens are refused by every service at once", async () => {
  const account = await create("short-lived", ["photos:read", "search", "profile"]);
  const token = await tokenOf(account);
  expect(await photosOf(token, await admin.id())).toBe(0);
  expect(await outcomeOf(admin.send("DELETE", `/service-accounts/${account.id}`))).toBe("204");
  await expect
    .poll(() => services.outcomes(token), { timeout: 5000, interval: 20 })
    .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
  const again = services.auth.issueServiceToken({ clientId: account.name, clientSecret: account.secret });
  expect(await outcomeOfCall(again)).toBe("UNAUTHENTICATED INVALID_CREDENTIALS");
});
