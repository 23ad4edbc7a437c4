import { z } from "@hono/zod-openapi";
import type { searchV1 } from "@ocelli/contracts";
import { id, moment, text } from "./inputs.ts";
import { flag } from "./photo-query.ts";

/** A number from 0 to 1 in a query. */
export const fraction = z
  .string()
  .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, "must be a number from 0 to 1")
  .transform(Number)
  .openapi({ type: "number" });

/** An IANA zone; the search service judges it. */
export const timeZone = text(64).openapi({
  description: "Zone in which days are meant; absent for UTC.",
  example: "Europe/Berlin",
});

/** One value or several: `label=dog&label=cat`. */
function several<S extends z.ZodType<string>>(value: S) {
  return z
    .union([value.transform((one) => [one]), z.array(value).max(20)])
    .openapi({ type: "array", items: { type: "string" } });
}

/** What restricts a search, in a query. */
export const searchFilterQuery = {
  albumId: id.optional().openapi({ description: "In this album of the caller's." }),
  personId: several(id).optional().openapi({ description: "With this person; repeated: with all of them." }),
  label: several(text(100))
    .optional()
    .openapi({ description: "With this label, e.g. `dog`; repeated: with all of them." }),
  from: moment.optional().openapi({ description: "Taken (added, where unknown) at or after." }),
  to: moment.optional().openapi({ description: "Taken (added, where unknown) before." }),
  mediaType: text(100).optional().openapi({ description: "`image/png`, or just `png`." }),
  camera: text(100).optional().openapi({ description: "Part of the camera's name." }),
  place: text(100).optional().openapi({ description: "Part of city, region or country." }),
  favorite: flag.optional().openapi({ description: "Only favourites, or only others." }),
};

/** The same in a JSON body, as smart albums keep it. */
export const searchFilterBody = z
  .strictObject({
    albumId: id.optional(),
    personIds: z.array(id).max(20).optional(),
    labels: z.array(text(100).min(1)).max(20).optional(),
    from: moment.optional(),
    to: moment.optional(),
    mediaType: text(100).optional(),
    camera: text(100).optional(),
    place: text(100).optional(),
    favorite: z.boolean().optional(),
  })
  .openapi("SearchFilter");

/** A filter as clients see it. */
export const searchFilterView = z
  .object({
    albumId: z.string().nullable(),
    personIds: z.array(z.string()),
    labels: z.array(z.string()),
    from: z.string().nullable(),
    to: z.string().nullable(),
    mediaType: z.string().nullable(),
    camera: z.string().nullable(),
    place: z.string().nullable(),
    favorite: z.boolean().nullable(),
  })
  .openapi("SearchFilterView");

type FilterBody = z.output<typeof searchFilterBody>;

/** The filter that a query stands for; undefined when it restricts nothing. */
export function filterOfQuery(
  query: {
    [Name in keyof typeof searchFilterQuery]?: z.output<(typeof searchFilterQuery)[Name]>;
  },
): searchV1.SearchFilter | undefined {
  const { personId, label, ...rest } = query;
  return filterOfBody({
    ...rest,
    ...(personId === undefined ? {} : { personIds: personId }),
    ...(label === undefined ? {} : { labels: label }),
  });
}

/** The filter that a body stands for; undefined when it restricts nothing. */
export function filterOfBody(
  body: { [Name in keyof FilterBody]: FilterBody[Name] | undefined },
): searchV1.SearchFilter | undefined {
  if (Object.values(body).every((value) => value === undefined)) return undefined;
  return {
    albumId: body.albumId ?? "",
    personIds: body.personIds ?? [],
    labels: body.labels ?? [],
    takenFrom: body.from,
    takenUntil: body.to,
    mediaType: body.mediaType ?? "",
    camera: body.camera ?? "",
    place: body.place ?? "",
    ...(body.favorite === undefined ? {} : { favorite: body.favorite }),
  };
}

/** A filter as clients see it. */
export function toFilterView(filter: searchV1.SearchFilter | undefined): z.infer<typeof searchFilterView> {
  return {
    albumId: filter?.albumId || null,
    personIds: filter?.personIds ?? [],
    labels: filter?.labels ?? [],
    from: filter?.takenFrom?.toISOString() ?? null,
    to: filter?.takenUntil?.toISOString() ?? null,
    mediaType: filter?.mediaType || null,
    camera: filter?.camera || null,
    place: filter?.place || null,
    favorite: filter?.favorite ?? null,
  };
}
