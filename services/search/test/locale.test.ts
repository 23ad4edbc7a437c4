import { randomUUID, randomUUIDv7 } from "node:crypto";
import { type Database, migrate, openDatabase } from "@ocelli/chassis";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrations } from "../src/store/migrations/index.ts";
import { listAlbumNames, listPersonNames, listWords } from "../src/store/suggestions.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { compileWords, matchWords } from "../src/store/word-search.ts";

let native: NativePostgres;
let database: Database<SearchTables>;
const ownerId = randomUUID();
const photoId = randomUUIDv7();

beforeAll(async () => {
  native = await startNativePostgres();
  await createDatabaseOfLocaleC();
  database = openDatabase<SearchTables>({ url: native.url.replace(/[^/]*$/, "plain"), schema: "search" });
  await migrate(database, migrations);
  const { db } = database;
  const file = { filename: "ночь.при-море.jpg", title: "москва река" };
  await db
    .insertInto("documents")
    .values({ photo_id: photoId, owner_id: ownerId, sha256: "x", labels: ["Природа", "…"], ...file })
    .execute();
  const said = { owner_id: ownerId, hidden: false, deleted: false, merged_into: null, revision: 1 };
  const people = ["Приам", "Ольга"].map((name) => ({ person_id: randomUUID(), name, ...said }));
  await db.insertInto("people").values(people).execute();
  const person_ids = people.map(({ person_id }) => person_id);
  await db
    .insertInto("document_people")
    .values({ photo_id: photoId, owner_id: ownerId, person_ids, revision: 1 })
    .execute();
}, 60_000);
afterAll(async () => {
  await database?.close();
  await native?.stop();
});

async function createDatabaseOfLocaleC(): Promise<void> {
  const first = openDatabase({ url: native.url, schema: "public" });
  await sql`create database plain template template0 encoding 'UTF8' locale 'C'`.execute(first.db);
  await first.close();
}

test("a database of the locale C suggests what was typed in any script, and nothing else", async () => {
  const { db } = database;
  const suggested = async (typed: string) => {
    const query = { ownerId, typed, limit: 20 };
    const names = [listPersonNames(db, query), listAlbumNames(db, query), listWords(db, query)];
    return (await Promise.all(names)).flat().map(({ text }) => text);
  };
  expect(await suggested("при")).toEqual(["Приам", "Природа"]);
  expect(await suggested("ОЛЬ")).toEqual(["Ольга"]);
  // Nothing is left of these to compare by.
  for (const typed of ["…", "🐈", " ", "%"]) expect(await suggested(typed)).toEqual([]);
});

test("a database of the locale C knows words of any script", async () => {
  const { db } = database;
  const words = await db
    .selectFrom("vocabulary")
    .select("word")
    .where("owner_id", "=", ownerId)
    .where("kind", "=", "word")
    .execute();
  expect(words.map(({ word }) => word)).toEqual(expect.arrayContaining(["москва", "река"]));
  for (const text of ["море", "моск"]) {
    const compiled = await compileWords(db, [{ texts: [text], phrase: false, typing: true }]);
    const found = await matchWords(db, { ownerId, words: compiled, any: false });
    expect(found.map((match) => match.photoId)).toEqual([photoId]);
  }
});
