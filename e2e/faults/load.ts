import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { type Outcome, PatientClient } from "./patient-client.ts";
import { makePicture } from "./pictures.ts";
import type { Random } from "./random.ts";
import type { RecordedPhoto, Recorder } from "./recorder.ts";

/** What {@link startLoad} needs. */
export interface LoadOptions {
  url: string;
  recorder: Recorder;
  random: Random;
  users: number;
  /** Most photos that one user keeps: the rest of a long run deletes as many as it adds. */
  photosPerUser: number;
}

/** Users at work. */
export interface Load {
  readonly clients: readonly PatientClient[];
  /** Lets each of them finish what it is at. */
  stop(): Promise<void>;
}

type Action = (user: User) => Promise<void>;

interface User {
  number: number;
  client: PatientClient;
  random: Random;
  recorder: Recorder;
  photosPerUser: number;
}

const idSchema = z.object({ id: z.uuid() });
const queries = ["cup of coffee", "cat", "rocket at night", "person", "red"];

/** Signs users up, and lets each do one thing after the other until it is stopped. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { recorder, random, url } = options;
  const stopped = new AbortController();
  const users = Array.from({ length: options.users }, (_, number): User => {
    const email = `user-${number}@example.org`;
    const client = new PatientClient({ url, email, recorder });
    const { photosPerUser } = options;
    return { number, client, recorder, photosPerUser, random: random.fork(`user ${number}`) };
  });
  for (const { client } of users) await client.signUp();
  recorder.begin();
  const working = users.map((user) => work(user, stopped.signal));
  return {
    clients: users.map(({ client }) => client),
    async stop() {
      stopped.abort();
      await Promise.all(working);
    },
  };
}

async function work(user: User, stopped: AbortSignal): Promise<void> {
  for (let step = 0; !stopped.aborted; step += 1) {
    // Each step has chance of its own: what an answer changed in one does not change what comes after.
    const random = user.random.fork(`step ${step}`);
    const { name, act } = nextAction(user, random);
    await act({ ...user, random });
    user.recorder.did(name);
    await delay(random.between(50, 700), undefined, { signal: stopped }).catch(() => undefined);
  }
}

function nextAction(user: User, random: Random): { name: string; act: Action } {
  const kept = keptBy(user).length;
  const chances: [name: string, weight: number, act: Action][] = [
    ["upload", kept < user.photosPerUser ? 7 : 0, upload],
    ["read", 4, read],
    ["list", 2, list],
    ["search", 2, search],
    ["edit", 3, edit],
    ["job", kept > 3 ? 1 : 0, startJob],
    ["delete", kept > 4 ? (kept < user.photosPerUser ? 1 : 6) : 0, remove],
    ["bulk delete with a job", kept > 8 ? 1 : 0, removeWhileDispatching],
    ["name", 1, namePerson],
  ];
  let left = random.next() * chances.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight, act] of chances) {
    left -= weight;
    if (left < 0) return { name, act };
  }
  return { name: "read", act: read };
}

function keptBy({ recorder, number }: User): RecordedPhoto[] {
  return [...recorder.photos.values()].filter(({ owner, fate }) => owner === number && fate === "kept");
}

/** Notes an answer that nothing excuses: what was acknowledged has to be there. */
function expectStatus(user: User, what: string, outcome: Outcome | undefined, ...wanted: number[]): boolean {
  if (!outcome) return false;
  if (wanted.includes(outcome.status)) return true;
  user.recorder.misstep(`${what}: ${outcome.status} ${outcome.bytes.toString("utf8", 0, 300)}`);
  return false;
}

async function upload(user: User): Promise<void> {
  const face = user.random.next() < 0.2;
  const bytes = await makePicture(user.random, face);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  user.recorder.sent.add(sha256);
  const outcome = await user.client.upload(bytes, `${sha256.slice(0, 8)}.jpg`);
  if (!outcome || !expectStatus(user, "an upload", outcome, 200, 201)) return;
  const { id } = idSchema.parse(outcome.body);
  user.recorder.photos.set(id, {
    id,
    owner: user.number,
    sha256,
    fate: "kept",
    titles: new Set([""]),
    rerun: false,
  });
}

async function read(user: User): Promise<void> {
  const photos = keptBy(user);
  if (photos.length === 0) return;
  const { id } = user.random.pick(photos);
  const part = user.random.pick(["", "/original", "/thumbnail"]);
  expectStatus(user, `reading ${id}${part}`, await user.client.send("GET", `/photos/${id}${part}`), 200);
}

async function list(user: User): Promise<void> {
  expectStatus(user, "a list", await user.client.send("GET", "/photos?pageSize=20"), 200);
}

async function search(user: User): Promise<void> {
  const query = encodeURIComponent(user.random.pick(queries));
  expectStatus(user, "a search", await user.client.send("GET", `/search?q=${query}&pageSize=10`), 200);
}

async function edit(user: User): Promise<void> {
  const photos = keptBy(user);
  if (photos.length === 0) return;
  const photo = user.random.pick(photos);
  const title = `Title ${user.random.between(0, 1_000_000)}`;
  photo.titles.add(title);
  const outcome = await user.client.send("PATCH", `/photos/${photo.id}`, { title });
  if (!expectStatus(user, `a title of ${photo.id}`, outcome, 200)) return;
  // A try that was given up may still be on its way: it may come after the ones that follow.
  photo.titles = new Set([title, ...(outcome?.doubtful ? photo.titles : [])]);
}

async function startJob(user: User): Promise<void> {
  const photos = user.random.shuffled(keptBy(user)).slice(0, user.random.between(1, 4));
  await makeJob(user, photos);
}

async function makeJob(
  user: User,
  photos: readonly RecordedPhoto[],
  ...also: readonly number[]
): Promise<void> {
  const { client, random, recorder, number } = user;
  const onlyMissing = random.next() < 0.6;
  for (const photo of photos) photo.rerun ||= !onlyMissing;
  const key = `job-${number}-${random.between(0, 2 ** 31)}`;
  const body = { photoIds: photos.map(({ id }) => id), onlyMissing };
  const outcome = await client.send("POST", "/jobs", body, { "idempotency-key": key });
  if (!expectStatus(user, "a job", outcome, 202, ...also) || outcome?.status !== 202) return;
  const { id } = idSchema.parse(outcome?.body);
  recorder.jobs.set(id, { id, owner: number, key });
}

async function remove(user: User): Promise<void> {
  const photo = user.random.pick(keptBy(user));
  photo.fate = "doubtful";
  const outcome = await user.client.send("DELETE", `/photos/${photo.id}?permanent=true`);
  // A try before this one may have done it.
  if (expectStatus(user, `deleting ${photo.id}`, outcome, 204, 404)) photo.fate = "deleted";
}

/** A job over many photos begins while some of them are deleted: both lock the same rows. */
async function removeWhileDispatching(user: User): Promise<void> {
  const photos = user.random.shuffled(keptBy(user));
  const gone = photos.slice(0, 2);
  await Promise.all([
    removeMany(user, gone),
    // Refused where one of its photos is gone already.
    makeJob({ ...user, random: user.random.fork("job") }, photos.slice(1, 8), 400),
  ]);
}

async function removeMany(user: User, photos: readonly RecordedPhoto[]): Promise<void> {
  for (const photo of photos) photo.fate = "doubtful";
  const body = { photoIds: photos.map(({ id }) => id), change: "delete" };
  const outcome = await user.client.send("POST", "/photos/bulk", body);
  if (!expectStatus(user, "deleting some", outcome, 200)) return;
  for (const photo of photos) photo.fate = "deleted";
}

const peopleSchema = z.object({ items: z.array(z.object({ id: z.uuid(), name: z.string().nullable() })) });

async function namePerson(user: User): Promise<void> {
  const { client, random, recorder, number } = user;
  const found = await client.send("GET", "/people?pageSize=20");
  if (!expectStatus(user, "people", found, 200)) return;
  const { items } = peopleSchema.parse(found?.body);
  const unnamed = items.filter(({ name }) => name === null);
  if (unnamed.length === 0) return;
  const { id } = random.pick(unnamed);
  const name = `Person ${random.between(0, 1_000_000)}`;
  const outcome = await client.send("PATCH", `/people/${id}`, { name });
  // A model may have made one of two strangers meanwhile, or none.
  if (expectStatus(user, `naming ${id}`, outcome, 200, 404) && outcome?.status === 200)
    recorder.people.set(id, { id, owner: number, names: new Set([name]) });
}
