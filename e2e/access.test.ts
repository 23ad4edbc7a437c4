import { accessByPath, scopes } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { httpAccess, methodsOfScope, publicMethods } from "./harness/access-table.ts";
import { Client } from "./harness/client.ts";
import { callGrpc } from "./harness/grpc-over-http2.ts";
import { type GrpcServices, grpcAddress, openServices, welcome } from "./harness/grpc-services.ts";
import { serverFaults } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { outcomeOf } from "./harness/problems.ts";

let ocelli: OcelliProcess;
let services: GrpcServices;
let admin: Client;

beforeAll(async () => {
  const classes = ["AUTH", "READ", "WRITE", "UPLOAD", "ANALYZE", "SEARCH", "ADMIN"];
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    ...Object.fromEntries(classes.map((name) => [`RATE_LIMIT_${name}`, "off"])),
  });
  services = openServices((name) => grpcAddress(ocelli, name));
  admin = await Client.signedUp(ocelli.address, "admin@example.org");
});

afterAll(async () => {
  services?.close();
  await ocelli?.end("SIGTERM");
  removeFolders();
});

/** A key of the administrator's, who may give every scope. */
async function keyWith(held: readonly string[]): Promise<string> {
  const created = await admin.post("/api-keys", { name: "a script", scopes: held });
  return z.object({ secret: z.string() }).parse(await created.json()).secret;
}

/** How a route answers a key, without a body and for an id that nothing has. */
function knock(route: string, apiKey: string): Promise<string> {
  const [method = "", path = ""] = route.split(" ");
  const url = `${ocelli.address}${path.replace("{id}", crypto.randomUUID())}`;
  return outcomeOf(fetch(url, { method, headers: { "x-api-key": apiKey } }));
}

async function routes(): Promise<string[]> {
  const document = z
    .object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .parse(await (await fetch(`${ocelli.address}/openapi.json`)).json());
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

test("every route says who may use it", async () => {
  expect((await routes()).sort()).toEqual(Object.keys(httpAccess).sort());
});

test("without credentials nothing opens but what is public", async () => {
  for (const [route, opener] of Object.entries(httpAccess)) {
    const [method = "", path = ""] = route.split(" ");
    const outcome = await outcomeOf(
      fetch(`${ocelli.address}${path.replace("{id}", crypto.randomUUID())}`, { method, redirect: "manual" }),
    );
    if (opener === "public") expect(outcome, route).not.toBe("401 UNAUTHENTICATED");
    else expect(outcome, route).toBe("401 UNAUTHENTICATED");
  }
});

test.each(scopes)("a key with only %s opens the routes of that scope and no other", async (scope) => {
  const secret = await keyWith([scope]);
  const wrong = [];
  for (const [route, opener] of Object.entries(httpAccess)) {
    if (opener === "public") continue;
    const outcome = await knock(route, secret);
    const opens = opener !== "session" && opener.every((each) => each === scope);
    const refusal = opener === "session" ? "403 SESSION_REQUIRED" : "403 SCOPE_REQUIRED";
    const right = opens ? !/^40[13] /.test(outcome) : outcome === refusal;
    if (!right) wrong.push(`${route}: ${outcome}`);
  }
  expect(wrong).toEqual([]);
});

test("a key with every scope opens all but what takes a login", async () => {
  const secret = await keyWith(scopes);
  const wrong = [];
  for (const [route, opener] of Object.entries(httpAccess)) {
    if (opener === "public") continue;
    const outcome = await knock(route, secret);
    if (opener === "session" ? outcome !== "403 SESSION_REQUIRED" : /^40[13] /.test(outcome))
      wrong.push(`${route}: ${outcome}`);
  }
  expect(wrong).toEqual([]);
});

test.each(scopes)(
  "over gRPC a key with only %s opens the methods of that scope and no other",
  async (scope) => {
    const { accessToken } = await services.auth.exchangeApiKey({ apiKey: await keyWith([scope]) });
    const opened = [];
    for (const path of accessByPath.keys()) {
      const name = path.replace("/ocelli.", "");
      const address = grpcAddress(ocelli, serviceOf(name));
      const { status } = await callGrpc(address, path, new Uint8Array(), accessToken);
      if (publicMethods.includes(name) || status !== Status.PERMISSION_DENIED) opened.push(name);
    }
    expect(opened.sort()).toEqual([...publicMethods, ...(methodsOfScope[scope] ?? [])].sort());
  },
);

function serviceOf(method: string) {
  const names = Object.keys(welcome) as (keyof typeof welcome)[]; // declared with exactly these keys
  const found = names.find((name) => method.startsWith(`${name}.`));
  if (!found) throw new Error(`no service has ${method}`);
  return found;
}

test("after all that, no answer was a fault of the server", async () => {
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
});
