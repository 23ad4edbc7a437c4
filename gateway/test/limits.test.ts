import { afterEach, describe, expect, it } from "vitest";
import { bodyOf, problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
afterEach(() => test.stop());

const bearer = async (userId: string) => ({ authorization: `Bearer ${await test.signer.sign({ userId })}` });
const userId = (n: number) => `018f0000-0000-7000-8000-0000000001${String(n).padStart(2, "0")}`;

async function statuses(times: number, request: (index: number) => Promise<Response>): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const response = await request(index);
    await response.arrayBuffer();
    seen.push(response.status);
  }
  return seen;
}

describe("limits of requests", () => {
  it("count each user and each kind of route apart, and say how it stands", async () => {
    test = await startTestGateway({ RATE_LIMIT_READ: "3/1h", RATE_LIMIT_SEARCH: "1/1h" });
    const [ada, bob] = [await bearer(userId(1)), await bearer(userId(2))];
    const list = (headers: Record<string, string>) => test.call("/photos", { headers });
    const first = await list(ada);
    expect(first.headers.get("ratelimit-policy")).toBe('"read";q=3;w=3600');
    expect(first.headers.get("ratelimit")).toMatch(/^"read";r=2;t=\d{1,4}$/);
    expect(await statuses(3, () => list(ada))).toEqual([200, 200, 429]);
    const refused = await list(ada);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(7200);
    expect(await problemOf(refused)).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect((await list(bob)).status).toBe(200);
    expect((await test.call("/search?q=a", { headers: ada })).status).toBe(200);
    expect((await test.call("/search?q=a", { headers: ada })).status).toBe(429);
    expect((await test.call("//health", { headers: ada })).status).toBe(200);
  });

  it("refuse before the body is read", async () => {
    test = await startTestGateway({ RATE_LIMIT_UPLOAD: "1/1h", RATE_LIMIT_ANALYZE: "1/1h" });
    const send = (path: string) => test.call(path, { method: "POST", body: fileForm("bytes".repeat(1000)) });
    expect((await send("/photos")).status).toBe(201);
    const { received } = test.upstreams.world;
    expect(await problemOf(await send("/photos"))).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect((await send("/detect/image")).status).toBe(200);
    expect(await problemOf(await send("/classify"))).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect(test.upstreams.world.received).toBe(received);
  });

  it("hold up guessing by address, whatever is guessed", async () => {
    test = await startTestGateway({ RATE_LIMIT_AUTH: "3/1h", RATE_LIMIT_READ: "4/1h" });
    const guess = (headers: Record<string, string>) => test.call("/photos", { headers });
    expect(
      await statuses(6, (n) => guess({ "x-api-key": `ocelli_ak_${String(n).padStart(43, "g")}` })),
    ).toEqual([401, 401, 401, 429, 429, 429]);
    expect(test.upstreams.world.exchanges).toHaveLength(3);
    expect(await statuses(3, (n) => guess({ authorization: `Bearer guess${n}` }))).toEqual([401, 429, 429]);
    // Whoever has a good token is let in from there all the same.
    expect((await guess(await bearer(userId(3)))).status).toBe(200);
    const login = await test.call("/auth/login", { method: "POST", body: "{}" });
    expect(await problemOf(login)).toEqual([429, "TOO_MANY_REQUESTS"]);
  });

  it("are not got around by made-up addresses", async () => {
    test = await startTestGateway({ RATE_LIMIT_AUTH: "2/1h" });
    const headers = (n: number) => ({
      "x-forwarded-for": `1.1.1.${n}`,
      forwarded: `for=1.1.1.${n}`,
      "x-real-ip": `1.1.1.${n}`,
      "cf-connecting-ip": `1.1.1.${n}`,
    });
    expect(await statuses(4, (n) => test.call("/auth/nothing", { headers: headers(n) }))).toEqual([
      404, 404, 429, 429,
    ]);
  });

  it("follow the client behind a trusted proxy", async () => {
    test = await startTestGateway({ RATE_LIMIT_AUTH: "2/1h", TRUSTED_PROXIES: "127.0.0.0/8" });
    const ask = (forwarded: string) =>
      test.call("/auth/nothing", { headers: { "x-forwarded-for": forwarded } });
    expect(await statuses(4, (n) => ask(`6.6.6.${n}, 1.1.1.1`))).toEqual([404, 404, 429, 429]);
    expect((await ask("1.1.1.2")).status).toBe(404);
    // One subscriber's /64 is one client.
    expect(await statuses(4, (n) => ask(`2001:db8:1:2::${n}`))).toEqual([404, 404, 429, 429]);
    expect((await ask("2001:db8:1:3::1")).status).toBe(404);
  });

  it("are off when set so, and the headers with them", async () => {
    test = await startTestGateway({ RATE_LIMIT_READ: "off" });
    const answer = await test.call("/photos");
    expect([answer.status, answer.headers.get("ratelimit")]).toEqual([200, null]);
    expect(await bodyOf(answer)).toMatchObject({ items: [] });
  });
});

describe("shares of one user", () => {
  it("leave live streams to others", async () => {
    test = await startTestGateway({ MAX_WATCHERS: "4" });
    const open = async (headers: Record<string, string>, bytes: string) =>
      test.call("/classify", { method: "POST", body: fileForm(bytes), headers });
    const [ada, bob] = [await bearer(userId(1)), await bearer(userId(2))];
    const streams = [await open(ada, "1"), await open(ada, "2")];
    expect(await problemOf(await open(ada, "3"))).toEqual([429, "TOO_MANY_WATCHERS"]);
    streams.push(await open(bob, "1"), await open(bob, "2"));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await Promise.all(streams.map((stream) => stream.body?.cancel()));
  });
});
