import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRpcClient, newEventId, openDatabase } from "@ocelli/chassis";
import { type EventType, events, libraryV1 } from "@ocelli/contracts";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { appendFeed } from "../src/store/feed.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { albumClients, reasonOf } from "./album-clients.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";

const minuteMs = 60_000;
let library: LibraryUnderTest;
let store: ReturnType<typeof openDatabase<LibraryTables>>;
let receiver: Server;
let url: string;
let owner: string;
let messages = 0;
const { as, make, upload, share } = albumClients(() => library);

beforeAll(async () => {
  receiver = createServer((_, response) => {
    messages += 1;
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  library = await startLibrary({ webhooksAllowHttp: true, webhooksAllowPrivate: true }, nativeDatabase);
  store = openDatabase<LibraryTables>({ url: library.databaseUrl, schema: "library" });
});
afterAll(async () => {
  await store?.close();
  await library?.stop();
  receiver?.close();
});
beforeEach(() => {
  owner = crypto.randomUUID();
  messages = 0;
});

const open = (secret: string) => library.albums.openAlbumLink({ secret });
const look = (visit: string) => library.albums.getLinkedAlbum({ visit });

async function load(visit: string, photoId: string): Promise<void> {
  const stream = library.albums.downloadLinkedPhoto({ visit, photoId, rendition: "thumbnail" });
  for await (const _part of stream);
}

async function linkTo(albumId: string): Promise<string> {
  return (await library.albums.createAlbumLink({ albumId }, await as(owner))).secret;
}

async function addWebhook(): Promise<void> {
  const { client, close } = createRpcClient(libraryV1.WebhookServiceDefinition, { address: library.address });
  await client.createWebhook({ url, types: ["photo.changed"] }, await as(owner));
  close();
}

async function openUpload(): Promise<void> {
  const { client, close } = createRpcClient(libraryV1.UploadServiceDefinition, { address: library.address });
  await client.createUpload({ sizeBytes: 10, filename: "a.jpg" }, await as(owner));
  close();
}

/** Of a photo that there is: what is told of others is swept away. */
async function happen(subjectId: string): Promise<void> {
  const newestId = await appendFeed(store.db, owner, [{ type: "photo.changed", subjectId, data: {} }]);
  await library.publish(events.feedAppended, { ownerId: owner, newestId });
}

/** As {@link LibraryUnderTest.publish}, of an event that was made when its id says. */
async function publishAs(id: string, type: EventType<{ userId: string }>, userId = owner): Promise<void> {
  await library.bus.publish({
    id,
    subject: type.subject,
    payload: type.message.encode({ userId }).finish(),
  });
}

function idAt(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${newEventId().slice(13)}`;
}

const rows = async (userId = owner) => ownedRows(library.databaseUrl, "library", userId);

async function giveEverything() {
  const album = await make(owner, "given");
  const photo = await upload(owner, album);
  const secret = await linkTo(album);
  const { visit } = await open(secret);
  const friend = crypto.randomUUID();
  await share(owner, album, friend, "contributor");
  const theirs = await upload(friend, album);
  await addWebhook();
  const before = messages;
  await happen(photo);
  await expect.poll(() => messages).toBe(before + 1);
  await openUpload();
  return { album, photo, secret, visit, friend, theirs };
}

test("what a stranger gave to others goes when the owner takes the account over; photos and albums stay", async () => {
  const { album, photo, secret, visit, friend, theirs } = await giveEverything();
  const other = owner;
  owner = crypto.randomUUID();
  const stays = await giveEverything();
  const before = await rows();
  await library.publish(events.userDispossessed, { userId: other });
  expect(await rows(other)).toMatchObject({
    album_links: 0,
    link_visits: 0,
    album_shares: 0,
    webhooks: 0,
    webhook_deliveries: 0,
    uploads: 0,
    albums: 1,
    photos: 1,
  });
  expect(await reasonOf(open(secret))).toBe("LINK_NOT_FOUND");
  expect(await reasonOf(look(visit))).toBe("VISIT_EXPIRED");
  expect(await reasonOf(library.albums.getAlbum({ albumId: album }, await as(friend)))).toBe(
    "ALBUM_NOT_FOUND",
  );
  const { photos } = await library.client.listPhotos({ filter: { albumId: album } }, await as(other));
  expect(photos.map(({ id }) => id)).toEqual([photo]);
  expect((await library.client.getPhoto({ photoId: theirs }, await as(friend))).photo?.id).toBe(theirs);
  expect(await rows()).toEqual(before);
  expect((await look(stays.visit)).photos).toHaveLength(2);
});

test("news of a dispossession that comes late takes nothing that was made since", async () => {
  await giveEverything();
  const before = await rows();
  await publishAs(idAt(Date.now() - 10 * minuteMs), events.userDispossessed);
  expect(await rows()).toEqual(before);
});

test("a closed account has no links and sends nothing, until it is open again", async () => {
  const { photo, secret, visit } = await giveEverything();
  await library.publish(events.userDisabled, { userId: owner });
  expect(await reasonOf(open(secret))).toBe("LINK_NOT_FOUND");
  expect(await reasonOf(look(visit))).toBe("VISIT_EXPIRED");
  expect(await reasonOf(load(visit, photo))).toBe("VISIT_EXPIRED");
  await happen(photo);
  const waiting = async () =>
    (await library.sql.query("select status from library.webhook_deliveries where owner_id = $1", [owner]))
      .rows;
  await expect.poll(async () => (await waiting()).filter((row) => row.status === "PENDING")).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(messages).toBe(1);
  await library.publish(events.userEnabled, { userId: owner });
  expect((await look(visit)).photos).toHaveLength(2);
  await load(visit, photo);
  await open(secret);
  await library.publish(events.feedAppended, { ownerId: owner, newestId: 0 });
  await expect.poll(() => messages).toBe(2);
});

test("what was said last of an account counts, whatever arrives last", async () => {
  const secret = await linkTo(await make(owner, "order"));
  const now = Date.now();
  const [first, second, third] = [idAt(now), idAt(now + 1), idAt(now + 2)];
  await publishAs(second, events.userEnabled);
  await publishAs(first, events.userDisabled);
  await open(secret);
  await publishAs(third, events.userDisabled);
  await publishAs(second, events.userEnabled);
  expect(await reasonOf(open(secret))).toBe("LINK_NOT_FOUND");
});

test("an account that is deleted leaves no word of having been closed, and late news none either", async () => {
  await library.publish(events.userDisabled, { userId: owner });
  expect(await rows()).toMatchObject({ disabled_owners: 1 });
  await library.publish(events.userDeleted, { userId: owner });
  await library.publish(events.userEnabled, { userId: owner });
  expect(Object.values(await rows()).every((count) => count === 0)).toBe(true);
});
