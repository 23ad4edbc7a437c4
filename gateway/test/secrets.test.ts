import { randomUUID } from "node:crypto";
import { startTracing, type Tracing, type TracingOptions } from "@ocelli/chassis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

type Processor = NonNullable<TracingOptions["processors"]>[number];

const logged: string[] = [];
const spans: unknown[] = [];
const recorder: Processor = {
  onStart: () => undefined,
  onEnd: (span) => {
    const { name, attributes, events, status, links } = span;
    const traceState = span.spanContext().traceState?.serialize();
    spans.push({ name, attributes, events, status, links, traceState });
  },
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

let tracing: Tracing;
let test: TestGateway;
beforeAll(async () => {
  tracing = await startTracing({ serviceName: "test", serviceVersion: "0", processors: [recorder] });
  test = await startTestGateway({}, (line) => void logged.push(line));
});
afterAll(async () => {
  await test.stop();
  await tracing.stop();
});

const secret = (kind: string) => `ocelli_${kind}_${randomUUID().replaceAll("-", "").padEnd(43, "x")}`;

it("no token, key or password reaches a log line or a span, whatever becomes of the request", async () => {
  const token = await test.signer.sign();
  const expired = await test.signer.sign({ expiresIn: "-1m" });
  const [goodKey, badKey, refreshToken, resetToken] = ["ak", "ak", "rt", "at"].map(secret);
  const secrets = [
    token,
    expired,
    goodKey,
    badKey,
    refreshToken,
    resetToken,
    "hunter2-hunter2",
    "ada-at-home",
  ];
  test.upstreams.world.apiKeys.set(String(goodKey), { id: randomUUID(), scope: "photos:read" });
  const post = (path: string, body: object) =>
    test.call(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
  const get = (path: string, headers: Record<string, string> = {}) => test.call(path, { headers });
  const login = { email: "ada-at-home@example.org", password: "hunter2-hunter2" };
  const csrf = { cookie: `__Host-ocelli-access=${token}`, "x-csrf-token": "hunter2-hunter2" };
  const requests = [
    post("/auth/login", login),
    post("/auth/login", { ...login, cookies: true }),
    post("/auth/signup", { ...login, name: "Ada" }),
    post("/auth/login", { ...login, password: ["hunter2-hunter2"] }),
    post("/auth/refresh", { refreshToken }),
    post("/auth/logout", { refreshToken }),
    post("/auth/password/reset", { token: resetToken, newPassword: "hunter2-hunter2" }),
    get("/photos"),
    get("/photos", { authorization: `Bearer ${expired}` }),
    get("/photos", { authorization: `Bearer ${token} ${token}` }),
    get("/photos", { "x-api-key": String(goodKey) }),
    get("/photos", { "x-api-key": String(badKey) }),
    get("/photos", { cookie: `__Host-ocelli-access=${token}` }),
    test.call("/photos", { method: "POST", headers: csrf }),
    get(`/photos?access_token=${token}`),
    get(`/search?q=${goodKey}`),
    get(`/photos/${goodKey}`),
    get(`/nothing/${token}/${refreshToken}`),
    get("/photos", { "user-agent": String(goodKey), "x-request-id": String(goodKey) }),
    get("/photos", { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: `x=${goodKey}` }),
  ];
  for (const response of await Promise.all(requests)) await response.arrayBuffer();
  await expect.poll(() => logged.filter((line) => line.includes('"request"')).length).toBe(requests.length);
  expect(spans.length).toBeGreaterThan(requests.length);
  const written = [...logged, JSON.stringify(spans)].join("\n");
  for (const each of secrets) expect(written).not.toContain(each);
  const metrics = await (await test.call("//metrics")).text();
  for (const each of secrets) expect(metrics).not.toContain(each);
});
