import { AppError, newEventId, openDatabase } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PhotoFilter, PhotoOrder } from "../src/photo-filter.ts";
import { cursorOf, pageQuery } from "../src/store/photo-list.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";

let library: LibraryUnderTest;
beforeAll(async () => {
  library = await startLibrary({}, nativeDatabase);
});
afterAll(() => library?.stop());

type List = Parameters<typeof libraryV1.ListPhotosRequest.fromPartial>[0];

async function list(owner: string, request: List) {
  const bearer = await library.userToken(owner);
  return library.client.listPhotos(libraryV1.ListPhotosRequest.fromPartial(request), { bearer });
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

/** What a generated photo is, for telling which lists show it. */
interface Row {
  id: string;
  captured: number;
  favorite: boolean;
  hidden: boolean;
  trashed: boolean;
  faces: number | null;
  camera: string;
  city: string;
  mediaType: string;
  failed: string | null;
}

const pick = <T>(values: readonly T[], seed: number): T => values[seed % values.length] as T;
const day = 86_400_000;

function rowOf(n: number): Row {
  return {
    id: newEventId(),
    // Many at the same moment: ids have to tell them apart.
    captured: Date.UTC(2020, 0, 1) + (Math.imul(n, 7919) % 9) * day,
    favorite: n % 3 === 0,
    hidden: n % 5 === 0,
    trashed: n % 7 === 0,
    faces: pick([null, 0, 2], n),
    camera: pick(["NIKON D90", "100%_Cam\\era", ""], n >> 1),
    city: pick(["Lisboa", "Łódź", ""], n >> 2),
    mediaType: pick(["image/png", "image/jpeg"], n),
    failed: pick([null, "ocr", "faces", null], n),
  };
}

/** Stores photos without their files: lists do not look at these. */
async function insert(owner: string, rows: readonly Row[]): Promise<void> {
  const json = JSON.stringify(rows.map((row) => ({ ...row, sha: row.id })));
  await library.sql.query(
    `insert into library.images (sha256, media_type, width, height, size_bytes, camera, city)
     select r->>'sha', r->>'mediaType', 1, 1, 1, r->>'camera', r->>'city' from jsonb_array_elements($1) r`,
    [json],
  );
  await library.sql.query(
    `insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at, favorite, hidden, trashed_at, face_count)
     select (r->>'id')::uuid, $2, r->>'sha', 'a.jpg', now(), to_timestamp((r->>'captured')::float8 / 1000),
            (r->>'favorite')::boolean, (r->>'hidden')::boolean,
            case when (r->>'trashed')::boolean then now() end, (r->>'faces')::int
     from jsonb_array_elements($1) r`,
    [json, owner],
  );
  await library.sql.query(
    `insert into library.photo_stages (photo_id, owner_id, stage, status)
     select (r->>'id')::uuid, $2, s, case when s = r->>'failed' then 'FAILED' else 'SUCCEEDED' end
     from jsonb_array_elements($1) r, unnest(array['ocr', 'faces']) s`,
    [json, owner],
  );
}

const { PhotoOrder: Order } = libraryV1;
const filters = fc.record(
  {
    takenFrom: fc.integer({ min: 0, max: 8 }).map((n) => new Date(Date.UTC(2020, 0, 1) + n * day)),
    takenUntil: fc.integer({ min: 0, max: 9 }).map((n) => new Date(Date.UTC(2020, 0, 1) + n * day)),
    camera: fc.constantFrom("nikon", "%", "_", "\\", "100%_cam\\era", ".", "(", "[a-z]", "canon", "*"),
    place: fc.constantFrom("lisb", "łódź", "ŁÓ", "_", "ß", "🐈", "^l"),
    favorite: fc.boolean(),
    mediaType: fc.constantFrom("image/png", "image/jpeg", "image/gif"),
    hasFaces: fc.boolean(),
    failedStage: fc.constantFrom("any", "ocr", "faces", "scene"),
    hidden: fc.boolean(),
    trashed: fc.boolean(),
  },
  { requiredKeys: [] },
);
type Filter = typeof filters extends fc.Arbitrary<infer T> ? T : never;

/** What the contract says of a filter, in other words than the query. */
function shows(filter: Filter, row: Row): boolean {
  const has = (text: string, part: string | undefined) =>
    part === undefined || text.toLowerCase().includes(part.toLowerCase());
  return (
    row.trashed === (filter.trashed ?? false) &&
    (filter.hidden === undefined ? row.trashed || !row.hidden : row.hidden === filter.hidden) &&
    row.captured >= (filter.takenFrom?.getTime() ?? 0) &&
    row.captured < (filter.takenUntil?.getTime() ?? Number.POSITIVE_INFINITY) &&
    has(row.camera, filter.camera) &&
    has(row.city, filter.place) &&
    (filter.favorite === undefined || row.favorite === filter.favorite) &&
    (filter.mediaType === undefined || row.mediaType === filter.mediaType) &&
    (filter.hasFaces === undefined || (row.faces !== null && row.faces > 0 === filter.hasFaces)) &&
    (filter.failedStage === undefined ||
      (filter.failedStage === "any" ? row.failed !== null : row.failed === filter.failedStage))
  );
}

function inOrder(rows: readonly Row[], order: libraryV1.PhotoOrder): string[] {
  const taken = order === Order.PHOTO_ORDER_TAKEN_ASC || order === Order.PHOTO_ORDER_TAKEN_DESC;
  const sorted = rows.toSorted((a, b) => (taken ? a.captured - b.captured : 0) || (a.id < b.id ? -1 : 1));
  const ascending = order === Order.PHOTO_ORDER_TAKEN_ASC || order === Order.PHOTO_ORDER_ADDED_ASC;
  return (ascending ? sorted : sorted.reverse()).map(({ id }) => id);
}

const orders = fc.constantFrom(
  Order.PHOTO_ORDER_ADDED_DESC,
  Order.PHOTO_ORDER_ADDED_ASC,
  Order.PHOTO_ORDER_TAKEN_DESC,
  Order.PHOTO_ORDER_TAKEN_ASC,
);

describe("lists", () => {
  test("show, page by page, exactly what filter and order say", async () => {
    const owner = crypto.randomUUID();
    const rows = Array.from({ length: 90 }, (_, n) => rowOf(n));
    await insert(owner, rows);
    await insert(crypto.randomUUID(), [rowOf(1), rowOf(2)]);
    await fc.assert(
      fc.asyncProperty(filters, orders, fc.integer({ min: 1, max: 40 }), async (filter, order, pageSize) => {
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await list(owner, { filter, order, pageSize, pageToken });
          expect(page.photos.length).toBeLessThanOrEqual(pageSize);
          seen.push(...page.photos.map(({ id }) => id));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        const wanted = rows.filter((row) => shows(filter, row));
        expect(seen).toEqual(inOrder(wanted, order));
      }),
      { numRuns: 120 },
    );
  });

  test("lose and repeat nothing while photos are added", async () => {
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 7 }), async (order, pageSize) => {
        const owner = crypto.randomUUID();
        const rows = Array.from({ length: 20 }, (_, n) => ({ ...rowOf(n), hidden: false, trashed: false }));
        await insert(owner, rows);
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await list(owner, { order, pageSize, pageToken });
          seen.push(...page.photos.map(({ id }) => id));
          await insert(owner, [{ ...rowOf(seen.length), hidden: false, trashed: false }]);
          pageToken = page.nextPageToken;
        } while (pageToken !== "" && seen.length < 200);
        expect(new Set(seen).size).toBe(seen.length);
        const before = new Set(rows.map(({ id }) => id));
        expect(seen.filter((id) => before.has(id))).toEqual(inOrder(rows, order));
      }),
      { numRuns: 12 },
    );
  });

  test("refuse tokens of other lists and filters that cannot be", async () => {
    const owner = crypto.randomUUID();
    await insert(owner, [rowOf(1), rowOf(2), rowOf(4)]);
    const { nextPageToken: pageToken } = await list(owner, { pageSize: 1 });
    expect(await reasonOf(list(owner, { pageToken }))).toBe("accepted");
    for (const other of [
      { filter: { favorite: true } },
      { filter: { hidden: false } },
      { order: Order.PHOTO_ORDER_ADDED_ASC },
      { order: Order.PHOTO_ORDER_TAKEN_DESC },
    ]) {
      expect(await reasonOf(list(owner, { ...other, pageToken }))).toBe("INVALID_PAGE_TOKEN");
    }
    for (const filter of [
      { camera: "x".repeat(101) },
      { place: "a\0b" },
      { mediaType: "image/../x" },
      { failedStage: "nonsense" },
      { albumId: "nonsense" },
    ]) {
      expect([filter, await reasonOf(list(owner, { filter }))]).toEqual([filter, "INVALID_FILTER"]);
    }
    expect(await reasonOf(list(owner, { filter: { albumId: crypto.randomUUID() } }))).toBe("ALBUM_NOT_FOUND");
  });
});

describe("a page of 100,000 photos", () => {
  const owner = crypto.randomUUID();
  const plain: PhotoFilter = { trashed: false };
  const orderOf = (by: PhotoOrder["by"], descending = true): PhotoOrder => ({ by, descending });

  beforeAll(async () => {
    await library.sql.query(`insert into library.images (sha256, media_type, width, height, size_bytes)
      select 'many' || n, 'image/jpeg', 1, 1, 1 from generate_series(1, 100000) n`);
    await library.sql.query(
      `insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at, favorite, hidden, trashed_at)
       select ('01999999-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, case when n % 4 = 1 then $2 else $1 end::uuid, 'many' || n, 'a.jpg', now() + n * interval '1 ms',
              now() - n * interval '1 hour', n % 1000 = 0, n % 1001 = 0, case when n % 999 = 0 then now() end
       from generate_series(1, 100000) n`,
      [owner, crypto.randomUUID()],
    );
    await library.sql.query("vacuum analyze library.photos, library.images");
  }, 60_000);

  const cases: [name: string, filter: PhotoFilter, order: PhotoOrder, index: string][] = [
    ["in the default order", plain, orderOf("added"), "photos_listed_added"],
    ["oldest first", plain, orderOf("added", false), "photos_listed_added"],
    ["by capture", plain, orderOf("taken"), "photos_listed_taken"],
    ["by capture, earliest first", plain, orderOf("taken", false), "photos_listed_taken"],
    ["of favourites", { ...plain, favorite: true }, orderOf("added"), "photos_favorite_added"],
    ["of favourites by capture", { ...plain, favorite: true }, orderOf("taken"), "photos_favorite_taken"],
    ["of hidden ones", { ...plain, hidden: true }, orderOf("added"), "photos_hidden_added"],
    ["of the trash", { trashed: true }, orderOf("added"), "photos_trash_added"],
    ["of the trash by capture", { trashed: true }, orderOf("taken"), "photos_trash_taken"],
  ];

  test.each(cases)("%s reads no more than it shows", async (_name, filter, order, index) => {
    const database = openDatabase<LibraryTables>({ url: library.databaseUrl, schema: "library" });
    const [start] = await pageQuery(database.db, {
      ownerId: owner,
      filter,
      order,
      after: undefined,
      limit: 30,
    }).execute();
    const after = start && cursorOf(start, order);
    for (const from of [undefined, after]) {
      const page = { ownerId: owner, filter, order, after: from, limit: 51 };
      const { sql, parameters } = pageQuery(database.db, page).compile();
      const { rows } = await library.sql.query(`explain (analyze, format text) ${sql}`, [...parameters]);
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toContain(index);
      expect(plan).not.toMatch(/Sort Key: p\.|Seq Scan on (photos|images)|Rows Removed by Filter: \d{3}/);
    }
    await database.close();
  });
});
