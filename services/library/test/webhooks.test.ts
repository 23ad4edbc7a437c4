import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError, createRpcClient, openDatabase, type RpcClient, Secret } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendFeed } from "../src/store/feed.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let library: LibraryUnderTest;
let store: ReturnType<typeof openDatabase<LibraryTables>>;
let handle: { client: RpcClient<libraryV1.WebhookServiceDefinition>; close(): void };
let receiver: Server;
let base: string;
let owner: string;
const received: Received[] = [];
/** Status by path; 200 when absent. */
const answers = new Map<string, number>();
let inHand = 0;
let mostInHand = 0;
let holdMs = 0;

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = request.url ?? "";
    received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
    inHand += 1;
    mostInHand = Math.max(mostInHand, inHand);
    await new Promise((resolve) => setTimeout(resolve, holdMs));
    inHand -= 1;
    response.writeHead(answers.get(path) ?? 200).end("thanks");
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  library = await startLibrary({ webhooksAllowHttp: true, webhooksAllowPrivate: true }, nativeDatabase);
  store = openDatabase<LibraryTables>({ url: library.databaseUrl, schema: "library" });
  handle = createRpcClient(libraryV1.WebhookServiceDefinition, { address: library.address });
});
afterAll(async () => {
  handle?.close();
  await store?.close();
  await library?.stop();
  receiver?.close();
});
beforeEach(() => {
  owner = crypto.randomUUID();
  received.length = 0;
  answers.clear();
  [holdMs, mostInHand] = [0, 0];
});

const as = async (userId = owner) => ({ bearer: await library.userToken(userId) });
const at = (path: string) => received.filter((each) => each.path === path);

async function create(path: string, types: string[] = []) {
  const { webhook, secret } = await handle.client.createWebhook({ url: base + path, types }, await as());
  return { id: webhook?.id ?? "", secret };
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => AppError.from(error).reason,
  );
}

/** Entries that the library is told of as after any commit; of no photo, since those of unknown photos are withdrawn. */
async function happen(count: number, type = "album.changed"): Promise<void> {
  const entries = Array.from({ length: count }, (_, n) => ({ type, subjectId: `album-${n}`, data: { n } }));
  const newestId = await appendFeed(store.db, owner, entries);
  await library.publish(events.feedAppended, { ownerId: owner, newestId });
}

async function deliveries(webhookId: string) {
  const page = { webhookId, pageSize: 100, pageToken: "" };
  return (await handle.client.listWebhookDeliveries(page, await as())).deliveries;
}

/** Lets what waits for its next attempt be due. */
async function hurry(webhookId: string): Promise<void> {
  await library.sql.query(
    "update library.webhook_deliveries set next_attempt_at = now() where webhook_id = $1 and status = 'PENDING'",
    [webhookId],
  );
  await library.publish(events.feedAppended, { ownerId: owner, newestId: 0 });
}

/** As a receiver with nothing of ours checks it. */
function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return headers["webhook-signature"] === `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
}

describe("deliveries", () => {
  test("bring every entry of the wanted types once, signed, with the entry's own id", async () => {
    await happen(3);
    const all = await create("/all");
    const ready = await create("/ready", ["photo.ready", "job."]);
    const { photo } = await library.upload(owner, await jpeg(9000), { filename: "a.jpg" });
    await happen(2);
    await happen(1, "job.updated");
    await expect.poll(() => [at("/all").length, at("/ready").length]).toEqual([4, 2]);
    for (const each of at("/all")) expect(isSigned(each, all.secret)).toBe(true);
    for (const each of at("/ready")) expect(isSigned(each, ready.secret)).toBe(true);
    const bodies = at("/all").map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ id }) => id).sort()).toEqual([4, 5, 6, 7]);
    const first = bodies.find(({ id }) => id === 4);
    expect(first).toMatchObject({ type: "photo.ready", subjectId: photo?.id, data: { filename: "a.jpg" } });
    expect(Math.abs(Date.now() - Date.parse(first.at))).toBeLessThan(30_000);
    const [one] = at("/all");
    expect(one?.headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "Ocelli-Webhooks/1.0",
    });
    expect(Math.abs(Date.now() / 1000 - Number(one?.headers["webhook-timestamp"]))).toBeLessThan(30);
    await expect
      .poll(async () => (await deliveries(all.id)).map(({ status, attempts }) => `${status} ${attempts}`))
      .toEqual(Array(4).fill("DELIVERED 1"));
    const ids = (await deliveries(all.id)).map(({ id }) => id);
    expect(
      at("/all")
        .map(({ headers }) => headers["webhook-id"])
        .sort(),
    ).toEqual(ids.sort());
  });

  test("come a few at a time, and once although two replicas share the work", async () => {
    const { id } = await create("/many");
    holdMs = 20;
    const second = await startSecondReplica();
    await happen(60);
    await expect.poll(() => at("/many").length, { timeout: 20_000 }).toBe(60);
    await expect
      .poll(async () => new Set((await deliveries(id)).map(({ status }) => status)))
      .toEqual(new Set(["DELIVERED"]));
    expect(at("/many")).toHaveLength(60);
    expect(new Set(at("/many").map(({ headers }) => headers["webhook-id"])).size).toBe(60);
    expect(mostInHand).toBeLessThanOrEqual(8);
    await second.stop();
  }, 40_000);

  test("of one owner with slow receivers leave room for those of others", async () => {
    const open = new Set<ServerResponse>();
    const slow = createServer((_, response) => void open.add(response));
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const { port } = slow.address() as AddressInfo;
    for (let n = 0; n < 6; n += 1) {
      await handle.client.createWebhook({ url: `http://127.0.0.1:${port}/${n}` }, await as());
    }
    await happen(8, "job.updated");
    await expect.poll(() => open.size).toBeGreaterThan(0);
    // What is claimed while the first are in hand, too.
    await new Promise((resolve) => setTimeout(resolve, 500));
    owner = crypto.randomUUID();
    await create("/other");
    await happen(1, "job.updated");
    await expect.poll(() => at("/other").length, { timeout: 4_000 }).toBe(1);
    slow.closeAllConnections();
    slow.close();
  });

  test("are tried again with waits that grow, ten times, then given up until somebody asks", async () => {
    const { id, secret } = await create("/broken");
    answers.set("/broken", 500);
    await happen(1);
    await expect.poll(async () => (await deliveries(id))[0]?.error).toBe("the receiver answered 500");
    const waits: number[] = [];
    for (let attempt = 1; attempt < 10; attempt++) {
      const [delivery] = await deliveries(id);
      expect(delivery).toMatchObject({ status: "PENDING", attempts: attempt });
      waits.push((delivery?.nextAttemptAt?.getTime() ?? 0) - Date.now());
      await hurry(id);
      await expect.poll(() => at("/broken").length).toBe(attempt + 1);
      await expect.poll(async () => (await deliveries(id))[0]?.attempts).toBe(attempt + 1);
      await library.sql.query("select pg_sleep(0.05)");
    }
    expect(waits[0]).toBeGreaterThan(20_000);
    expect(waits[0]).toBeLessThan(33_100);
    expect(waits.at(-1)).toBeGreaterThan(0.89 * 86_400_000);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    await expect.poll(async () => (await deliveries(id))[0]?.status).toBe("GIVEN_UP");
    const [dead] = await deliveries(id);
    expect(dead?.nextAttemptAt).toBeUndefined();
    expect(new Set(at("/broken").map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([dead?.id]));
    for (const each of at("/broken")) expect(isSigned(each, secret)).toBe(true);
    answers.clear();
    const request = { webhookId: id, deliveryId: dead?.id ?? "" };
    await handle.client.retryWebhookDelivery(request, await as());
    await expect.poll(async () => (await deliveries(id))[0]?.status).toBe("DELIVERED");
    expect(await reasonOf(handle.client.retryWebhookDelivery(request, await as()))).toBe(
      "DELIVERY_SUCCEEDED",
    );
  }, 30_000);

  test("that nobody takes disable the webhook; a test that arrives enables it and nothing was lost", async () => {
    const { id } = await create("/gone");
    answers.set("/gone", 503);
    await library.sql.query("update library.webhooks set given_up = 49 where id = $1", [id]);
    await happen(1);
    await expect.poll(async () => (await deliveries(id))[0]?.attempts).toBe(1);
    await library.sql.query("update library.webhook_deliveries set attempts = 9 where webhook_id = $1", [id]);
    await hurry(id);
    const enabled = async () => (await handle.client.listWebhooks({}, await as())).webhooks[0]?.enabled;
    await expect.poll(enabled).toBe(false);
    await happen(2);
    const failed = await handle.client.testWebhook({ webhookId: id }, await as());
    expect(failed).toEqual({ delivered: false, httpStatus: 503, error: "the receiver answered 503" });
    expect(await enabled()).toBe(false);
    answers.clear();
    const before = at("/gone").length;
    expect(await handle.client.testWebhook({ webhookId: id }, await as())).toMatchObject({ delivered: true });
    expect(await enabled()).toBe(true);
    await expect.poll(() => at("/gone").length).toBe(before + 3);
    const types = at("/gone")
      .slice(before)
      .map(({ body }) => JSON.parse(body).type);
    expect(types.sort()).toEqual(["album.changed", "album.changed", "webhook.test"]);
    answers.set("/gone", 410);
    await happen(1);
    await expect.poll(enabled).toBe(false);
    expect((await deliveries(id))[0]?.status).toBe("GIVEN_UP");
  });

  test("that a process took with it when it died are taken again after its lease", async () => {
    const { id } = await create("/crash");
    await happen(1);
    await expect.poll(() => at("/crash").length).toBe(1);
    await expect.poll(async () => (await deliveries(id))[0]?.status).toBe("DELIVERED");
    const lease = (interval: string) =>
      library.sql.query(
        `update library.webhook_deliveries set status = 'PENDING', ended_at = null, next_attempt_at = now(),
         leased_until = now() + interval '${interval}' where webhook_id = $1`,
        [id],
      );
    await lease("1 minute");
    await library.publish(events.feedAppended, { ownerId: owner, newestId: 0 });
    await library.sql.query("select pg_sleep(0.6)");
    expect(at("/crash")).toHaveLength(1);
    await lease("-1 second");
    await library.publish(events.feedAppended, { ownerId: owner, newestId: 0 });
    await expect.poll(() => at("/crash").length).toBe(2);
  });
});

describe("webhooks", () => {
  test("are their owner's alone; strangers learn nothing of them", async () => {
    const { id } = await create("/own");
    const stranger = await as(crypto.randomUUID());
    const page = { webhookId: id, pageSize: 0, pageToken: "" };
    const { client } = handle;
    expect((await client.listWebhooks({}, stranger)).webhooks).toEqual([]);
    for (const webhookId of [id, crypto.randomUUID(), "x"]) {
      const calls = [
        client.deleteWebhook({ webhookId }, stranger),
        client.testWebhook({ webhookId }, stranger),
        client.listWebhookDeliveries({ ...page, webhookId }, stranger),
        client.retryWebhookDelivery({ webhookId, deliveryId: crypto.randomUUID() }, stranger),
      ];
      expect(new Set(await Promise.all(calls.map(reasonOf)))).toEqual(new Set(["WEBHOOK_NOT_FOUND"]));
    }
    expect(at("/own")).toEqual([]);
    const { webhooks } = await client.listWebhooks({}, await as());
    expect(webhooks).toMatchObject([{ id, url: `${base}/own`, types: [], enabled: true }]);
    expect(JSON.stringify(webhooks)).not.toContain("whsec");
    await client.deleteWebhook({ webhookId: id }, await as());
    expect(await reasonOf(client.deleteWebhook({ webhookId: id }, await as()))).toBe("WEBHOOK_NOT_FOUND");
  });

  test("are 20 at most, of addresses and types that make sense", async () => {
    const { client } = handle;
    const tries = Array.from({ length: 24 }, (_, n) => reasonOf(create(`/${n}`)));
    const outcomes = await Promise.all(tries);
    expect(outcomes.filter((each) => each === "ok")).toHaveLength(20);
    expect(new Set(outcomes)).toEqual(new Set(["ok", "TOO_MANY_WEBHOOKS"]));
    const bad = [
      { url: "ftp://example.org/", types: [] },
      { url: `${base}/x`, types: ["Photo"] },
      { url: `${base}/x`, types: ["*"] },
      { url: `${base}/x`, types: Array(21).fill("photo.ready") },
    ];
    for (const request of bad)
      expect(await reasonOf(client.createWebhook(request, await as()))).toBe("INVALID_WEBHOOK");
  });

  test("are tested two at a time by one owner, while others test theirs", async () => {
    const { id } = await create("/slow");
    holdMs = 1_000;
    const mine = await as();
    const test = (webhookId: string, options: { bearer: string }) =>
      reasonOf(handle.client.testWebhook({ webhookId }, options));
    const asked = Array.from({ length: 4 }, () => test(id, mine));
    owner = crypto.randomUUID();
    const other = test((await create("/other")).id, await as());
    expect((await Promise.all(asked)).toSorted()).toEqual(["TOO_MANY_TESTS", "TOO_MANY_TESTS", "ok", "ok"]);
    expect(await other).toBe("ok");
  });

  test("go with their owner, who gets none any more", async () => {
    const { id } = await create("/owner");
    await happen(1);
    await expect.poll(async () => (await deliveries(id)).length).toBe(1);
    await library.publish(events.userDeleted, { userId: owner });
    const rows = await ownedRows(library.databaseUrl, "library", owner);
    expect(rows).toMatchObject({ feed: 0, feed_heads: 0, webhooks: 0, webhook_deliveries: 0 });
    expect(await reasonOf(create("/owner"))).toBe("ACCOUNT_DELETED");
  });

  test("list deliveries in pages, newest first", async () => {
    const { id } = await create("/paged");
    await happen(5);
    await expect.poll(async () => (await deliveries(id)).length).toBe(5);
    const seen: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await handle.client.listWebhookDeliveries(
        { webhookId: id, pageSize: 2, pageToken },
        await as(),
      );
      seen.push(...page.deliveries.map((each) => each.id));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(seen).toEqual((await deliveries(id)).map((each) => each.id));
  });

  test("keep their secrets sealed where the installation has a key, and sign all the same", async () => {
    const plain = await create("/plain");
    const stored = async (id: string) => {
      const { rows } = await library.sql.query("select secret, sealed from library.webhooks where id = $1", [
        id,
      ]);
      return { sealed: rows[0].sealed, secret: `whsec_${rows[0].secret.toString("base64")}` };
    };
    expect(await stored(plain.id)).toEqual({ sealed: false, secret: plain.secret });
    handle.close();
    await library.restart({ keySecret: new Secret("a key of this installation") });
    handle = createRpcClient(libraryV1.WebhookServiceDefinition, { address: library.address });
    const sealed = await create("/sealed");
    expect((await stored(sealed.id)).sealed).toBe(true);
    expect((await stored(sealed.id)).secret).not.toContain(sealed.secret.slice(6, 20));
    await happen(1);
    await expect.poll(() => [at("/plain").length, at("/sealed").length]).toEqual([1, 1]);
    for (const each of at("/plain")) expect(isSigned(each, plain.secret)).toBe(true);
    for (const each of at("/sealed")) expect(isSigned(each, sealed.secret)).toBe(true);
  });
});

/** Another library on the same store. */
async function startSecondReplica(): Promise<LibraryUnderTest> {
  const database = { url: library.databaseUrl, close: async () => undefined };
  return startLibrary({ webhooksAllowHttp: true, webhooksAllowPrivate: true }, async () => database);
}
