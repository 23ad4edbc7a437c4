import { sql } from "kysely";
import type { DocumentCondition } from "../vectors.ts";

/** The photo is to be found: it was neither deleted nor withheld. */
export const findable: DocumentCondition = sql`not d.deleted and not d.withheld`;

/** All of the conditions; undefined for none. */
export function allOf(conditions: readonly DocumentCondition[]): DocumentCondition | undefined {
  return conditions.length === 0 ? undefined : sql`(${sql.join(conditions, sql` and `)})`;
}

/** Any of the conditions; never fulfilled for none. */
export function anyOf(conditions: readonly DocumentCondition[]): DocumentCondition {
  return conditions.length === 0 ? sql`false` : sql`(${sql.join(conditions, sql` or `)})`;
}

/** Not fulfilled, or not known. */
export function noneOf(condition: DocumentCondition): DocumentCondition {
  return sql`(${condition}) is not true`;
}

/** In one of the albums of the owner, as long as it is there. */
export function inAlbum(ownerId: string, albumIds: readonly string[]): DocumentCondition {
  return sql`d.photo_id in (
    select m.photo_id from search.document_albums m left join search.albums a on a.album_id = m.album_id
    where m.album_id = any(${[...albumIds]}::uuid[]) and m.owner_id = ${ownerId} and m.present
      and a.deleted is not true
  )`;
}

/** With any of the persons, or with somebody who was merged into one of them. */
export function withPerson(ownerId: string, personIds: readonly string[]): DocumentCondition {
  // Merges of merges follow one another a few steps at most; the bound is there for circles.
  return sql`d.photo_id in (
    select p.photo_id from search.document_people p
    where p.owner_id = ${ownerId} and p.person_ids && array(
      with recursive same as (
        select unnest(${[...personIds]}::uuid[]) as person_id, 0 as depth
        union
        select m.person_id, same.depth + 1 from search.people m join same on m.merged_into = same.person_id
        where m.owner_id = ${ownerId} and same.depth < 8
      )
      select same.person_id from same
    )
  )`;
}

/** With a label, case ignored; labels are stored in lower case. */
export function withLabel(label: string): DocumentCondition {
  return sql`d.labels @> array[${label.toLowerCase()}]`;
}

/** Media type, or its second half. */
export function ofType(type: string): DocumentCondition {
  const wanted = type.toLowerCase();
  const second = wanted === "jpg" ? "jpeg" : wanted;
  return sql`(lower(d.media_type) = ${wanted} or split_part(lower(d.media_type), '/', 2) = ${second})`;
}

/** The camera's name contains this, case ignored. */
export function byCamera(camera: string): DocumentCondition {
  return sql`strpos(lower(concat_ws(' ', d.camera, d.lens)), ${camera.toLowerCase()}) > 0`;
}

/** City, region or country contains this, case ignored. */
export function inPlace(place: string): DocumentCondition {
  return sql`strpos(lower(concat_ws(chr(10), d.city, d.region, d.country)), ${place.toLowerCase()}) > 0`;
}

/** City, region or country is this, case ignored. */
export function atPlace(place: string): DocumentCondition {
  return sql`(lower(d.city) = ${place} or lower(d.region) = ${place} or lower(d.country) = ${place})`;
}

/** Taken, or added where that is unknown, within a time. */
export function within({
  from,
  until,
}: {
  from?: Date | undefined;
  until?: Date | undefined;
}): DocumentCondition {
  const conditions = [
    ...(from ? [sql<boolean>`d.moment >= ${from}`] : []),
    ...(until ? [sql<boolean>`d.moment < ${until}`] : []),
  ];
  return allOf(conditions) ?? sql`true`;
}

/** A favourite, or none. */
export function isFavorite(favorite: boolean): DocumentCondition {
  return sql`d.favorite = ${favorite}`;
}

/** The document says this: a word or phrase as `tsquery` text, see `compileWords`. */
export function says(words: string): DocumentCondition {
  return sql`d.words @@ ${words}::tsquery`;
}
