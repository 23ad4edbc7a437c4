import { randomUUID, randomUUIDv7 } from "node:crypto";
import { type EventType, events, type eventsV1 } from "@ocelli/contracts";
import type { SearchUnderTest } from "./search-harness.ts";

/** What the other services know of one photo. */
export interface WorldPhoto {
  ready: { photo: eventsV1.PhotoRef; filename: string; takenAt: Date; createdAt: Date; city: string };
  changed?: Omit<eventsV1.PhotoChanged, "takenAt"> & { takenAt: Date | undefined };
  albums: Set<string>;
  caption?: string;
  labels?: string[];
  text?: string[];
  /** Absent until the photo was looked through. */
  persons?: Set<string>;
}

/** An event that can be published, as often as one likes. */
export interface Saying {
  subject: string;
  publish(search: Pick<SearchUnderTest, "publish">, id?: string): Promise<void>;
}

/** The other services' stores, and every event about what is in them. */
export interface World {
  owners: readonly [string, string];
  photos: Map<string, WorldPhoto>;
  albums: Map<string, { ownerId: string; name: string; revision: number }>;
  persons: Map<string, { ownerId: string; name: string; hidden: boolean }>;
  /** In the order in which things happened. */
  events: Saying[];
  revision: number;
}

/** A world in which nothing has happened. */
export function emptyWorld(): World {
  return {
    owners: [randomUUID(), randomUUID()],
    photos: new Map(),
    albums: new Map(),
    persons: new Map(),
    events: [],
    revision: 0,
  };
}

/** One thing that happens; the numbers choose among what is there. */
export interface Happening {
  what: keyof typeof happenings;
  which: number;
  other: number;
}

const words = ["harbour", "cat", "sunset", "bread", "bridge", "snow"];
const wordAt = (n: number) => words[n % words.length] ?? "";
const textAt = (n: number) => `${wordAt(n)} and ${wordAt(n + n)}`;

/** What can happen. */
export const happenings = {
  addPhoto(world: World, which: number, other: number) {
    if (world.photos.size >= 6) return;
    const ownerId = world.owners[which % 2] ?? "";
    const photo = { photoId: randomUUIDv7(), ownerId, sha256: "coffee.png" };
    const times = { takenAt: dayAt(which), createdAt: dayAt(1000 + other) };
    const ready = { photo, filename: `${wordAt(other)}.jpg`, ...times, city: wordAt(which) };
    world.photos.set(photo.photoId, { ready, albums: new Set() });
    say(world, events.photoReady, ready);
  },
  classify(world: World, which: number, other: number) {
    const photo = pick(world.photos, which);
    if (!photo) return;
    photo.labels = [wordAt(which), wordAt(other)];
    say(world, events.photoClassified, { photo: photo.ready.photo, scene: sceneOf(photo.labels) });
  },
  caption(world: World, which: number, other: number) {
    const photo = pick(world.photos, which);
    if (!photo) return;
    photo.caption = textAt(other);
    say(world, events.photoCaptioned, { photo: photo.ready.photo, caption: { text: photo.caption } });
  },
  read(world: World, which: number, other: number) {
    const photo = pick(world.photos, which);
    if (!photo) return;
    photo.text = other % 3 === 0 ? [] : [wordAt(other), wordAt(which)];
    say(world, events.photoTextRead, { photo: photo.ready.photo, lines: linesOf(photo.text) });
  },
  changePhoto(world: World, which: number, other: number) {
    const photo = pick(world.photos, which);
    if (!photo) return;
    photo.changed = {
      photo: photo.ready.photo,
      ...{ title: wordAt(other), description: textAt(which), favorite: other % 2 === 0 },
      ...{ withheld: which % 3 === 0, takenAt: other % 4 === 0 ? undefined : dayAt(other) },
      revision: next(world),
    };
    say(world, events.photoChanged, photo.changed);
  },
  deletePhoto(world: World, which: number) {
    const photo = pick(world.photos, which);
    if (!photo || which % 2 === 0) return;
    world.photos.delete(photo.ready.photo.photoId);
    say(world, events.photoDeleted, { photo: photo.ready.photo });
  },
  group(world: World, which: number, other: number) {
    const photo = pick(world.photos, which);
    if (!photo) return;
    photo.persons = new Set(
      personsOf(world, photo.ready.photo.ownerId).filter((_id, at) => (other >> at) % 2),
    );
    const personIds = [...photo.persons];
    say(world, events.photoGrouped, { photo: photo.ready.photo, personIds, revision: next(world) });
  },
  addPerson(world: World, which: number, other: number) {
    if (world.persons.size >= 4) return;
    const person = { ownerId: world.owners[which % 2] ?? "", name: wordAt(other), hidden: false };
    const personId = randomUUID();
    world.persons.set(personId, person);
    say(world, events.personChanged, { personId, ...person, revision: next(world) });
  },
  changePerson(world: World, which: number, other: number) {
    const [personId, person] = entryAt(world.persons, which) ?? [];
    if (!personId || !person) return;
    Object.assign(person, { name: wordAt(other), hidden: other % 3 === 0 });
    say(world, events.personChanged, { personId, ...person, revision: next(world) });
  },
  deletePerson: (world: World, which: number) => removePerson(world, which, undefined),
  mergePersons: (world: World, which: number, other: number) => removePerson(world, which, other),
  changeAlbum(world: World, which: number, other: number) {
    const isNew = world.albums.size < 3 && other % 2 === 0;
    const albumId = isNew ? randomUUIDv7() : entryAt(world.albums, which)?.[0];
    if (!albumId) return;
    const ownerId = world.albums.get(albumId)?.ownerId ?? world.owners[which % 2] ?? "";
    const album = { ownerId, name: textAt(other), revision: next(world) };
    world.albums.set(albumId, album);
    say(world, events.albumChanged, { albumId, ...album });
  },
  fillAlbum(world: World, which: number, other: number) {
    const [albumId, album] = entryAt(world.albums, which) ?? [];
    const photo = pick(world.photos, other);
    if (!albumId || !album || !photo) return;
    const { photoId, ownerId } = photo.ready.photo;
    album.revision = next(world);
    const isIn = photo.albums.delete(albumId);
    if (!isIn) photo.albums.add(albumId);
    const [addedPhotoIds, removedPhotoIds] = isIn ? [[], [photoId]] : [[photoId], []];
    const { revision } = album;
    say(world, events.albumPhotosChanged, { albumId, ownerId, addedPhotoIds, removedPhotoIds, revision });
  },
  deleteAlbum(world: World, which: number) {
    const [albumId, album] = entryAt(world.albums, which) ?? [];
    if (!albumId || !album || which % 2 === 0) return;
    world.albums.delete(albumId);
    for (const photo of world.photos.values()) photo.albums.delete(albumId);
    say(world, events.albumChanged, { albumId, ...album, deleted: true, revision: next(world) });
  },
};

/** The scene as the scene service and its events say it. */
export function sceneOf(labels: readonly string[]) {
  return { labels: labels.map((label) => ({ label, score: 0.9 })), place: "unknown" };
}

/** Text lines as captioning and its events say them. */
export function linesOf(texts: readonly string[]) {
  return texts.map((text) => ({ text, score: 1, box: { x: 0, y: 0, width: 1, height: 1 } }));
}

function removePerson(world: World, which: number, into: number | undefined): void {
  const [personId, person] = entryAt(world.persons, which) ?? [];
  if (!personId || !person) return;
  const { ownerId } = person;
  const others = personsOf(world, ownerId).filter((id) => id !== personId);
  const mergedInto = into === undefined ? "" : (others[into % Math.max(1, others.length)] ?? "");
  world.persons.delete(personId);
  const revision = next(world);
  const gone = { ownerId, personId, name: "", hidden: false, deleted: true, mergedInto, revision };
  say(world, events.personChanged, gone);
  const photos = [...world.photos.values()].flatMap(({ ready, persons }) => {
    if (!persons?.delete(personId)) return [];
    if (mergedInto) persons.add(mergedInto);
    return { photoId: ready.photo.photoId, personIds: [...persons] };
  });
  if (photos.length > 0) say(world, events.photosPeopleChanged, { ownerId, photos, revision: next(world) });
}

function personsOf(world: World, ownerId: string): string[] {
  return [...world.persons].flatMap(([id, person]) => (person.ownerId === ownerId ? id : []));
}

function say<T>(
  world: World,
  type: EventType<T>,
  message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
): void {
  // As it is now: what happens later changes the world, not what was said.
  const said = structuredClone(message);
  world.events.push({
    subject: type.subject,
    publish: (search, id) => search.publish(type, said, id),
  });
}

function next(world: World): number {
  world.revision += 1;
  return world.revision;
}

function dayAt(day: number): Date {
  return new Date(Date.UTC(2015, 0, 1 + day));
}

function pick(photos: World["photos"], at: number): WorldPhoto | undefined {
  return entryAt(photos, at)?.[1];
}

function entryAt<T>(map: ReadonlyMap<string, T>, at: number): [string, T] | undefined {
  return [...map][at % Math.max(1, map.size)];
}
