import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway();
});
afterAll(() => test.stop());

const id = "018f0000-0000-7000-8000-0000000000a1";
const deliveryId = "018f0000-0000-7000-8000-0000000000d1";
const url = "https://example.org/hook";
const send = (method: string, path: string, body?: unknown) =>
  test.call(path, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
const lastCall = () => test.upstreams.world.feed.webhookCalls.at(-1);

describe("/webhooks", () => {
  it("makes a webhook and shows its secret once", async () => {
    const made = await send("POST", "/webhooks", { url, types: ["photo."] });
    expect(made.status).toBe(201);
    expect(made.headers.get("cache-control")).toBe("no-store");
    expect(await bodyOf(made)).toEqual({
      id,
      url,
      types: [],
      createdAt: "2026-01-01T00:00:00.000Z",
      enabled: true,
      secret: "whsec_AAAA",
    });
    expect(lastCall()).toEqual({ url, types: ["photo."] });
    const listed = await bodyOf(await test.call("/webhooks"));
    expect(listed.items).toHaveLength(1);
    expect(JSON.stringify(listed)).not.toContain("whsec");
  });

  it("tests, lists, retries and deletes", async () => {
    expect(await bodyOf(await send("POST", `/webhooks/${id}/test`))).toEqual({
      delivered: false,
      httpStatus: null,
      error: "refused",
    });
    const page = await bodyOf(await test.call(`/webhooks/${id}/deliveries?pageSize=5`));
    expect(page.items).toEqual([
      {
        id: deliveryId,
        type: "photo.ready",
        status: "GIVEN_UP",
        attempts: 10,
        error: "the receiver answered 500",
        createdAt: "2026-01-01T00:00:00.000Z",
        nextAttemptAt: null,
      },
    ]);
    expect(lastCall()).toEqual({ webhookId: id, pageSize: 5, pageToken: "" });
    expect((await send("POST", `/webhooks/${id}/deliveries/${deliveryId}/retry`)).status).toBe(202);
    expect(lastCall()).toEqual({ webhookId: id, deliveryId });
    expect((await send("DELETE", `/webhooks/${id}`)).status).toBe(204);
  });

  it("refuses what is none", async () => {
    expect(await problemOf(await send("DELETE", "/webhooks/x"))).toEqual([404, "WEBHOOK_NOT_FOUND"]);
    for (const body of [{}, { url: 1 }, { url, types: "all" }, { url, more: 1 }, { url: "x".repeat(2001) }]) {
      expect((await send("POST", "/webhooks", body)).status).toBe(400);
    }
    const headers = { authorization: `Bearer ${await test.signer.sign({ scope: "photos:read" })}` };
    expect(await problemOf(await test.call(`/webhooks/${id}/test`, { method: "POST", headers }))).toEqual([
      403,
      "SCOPE_REQUIRED",
    ]);
  });
});
