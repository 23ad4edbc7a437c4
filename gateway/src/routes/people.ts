import { createRoute, z } from "@hono/zod-openapi";
import { faceV1 } from "@ocelli/contracts";
import { callOptions } from "../context.ts";
import { idempotencyHeader, requestIdOf } from "../idempotency-key.ts";
import { toPersonView } from "../views/people.ts";
import { personSchema } from "../views/schemas-people.ts";
import { door, empty, idParam, jsonBody, problems } from "./account-route.ts";
import { id, text } from "./inputs.ts";
import { faceIds, personName, peopleTags as tags, unknownPerson } from "./people-inputs.ts";
import { flag } from "./photo-query.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const orders = {
  default: "PERSON_ORDER_UNSPECIFIED",
  "-faces": "PERSON_ORDER_FACES_DESC",
  name: "PERSON_ORDER_NAME_ASC",
} as const;

const listQuery = z.strictObject({
  q: text(100).default("").openapi({ description: "Part of the name, case ignored.", example: "ada" }),
  named: flag.optional().openapi({ description: "Only named persons, or only unnamed ones." }),
  hidden: flag.optional().openapi({ description: "Only hidden persons; otherwise only others." }),
  order: z
    .enum(["default", "-faces", "name"])
    .default("default")
    .openapi({ description: "Favourites first, then most faces; most faces first; by name." }),
  ...pageQuery,
});

const createBody = z
  .strictObject({
    faceIds,
    name: personName.optional(),
    requestId: id.optional().openapi({ description: "Chosen by the client: the same id makes one person." }),
  })
  .openapi("CreatePerson");

const updateBody = z
  .strictObject({
    name: personName.nullable().openapi({ description: "At most 100 characters; `null` for none." }),
    hidden: z.boolean().openapi({ description: "Kept out of lists and of searches by name." }),
    favorite: z.boolean(),
    coverFaceId: id.nullable().openapi({ description: "A face of the person; `null` for the best one." }),
    birthDate: z.iso.date().nullable().openapi({ description: "`null` for unknown.", example: "1815-12-10" }),
  })
  .partial()
  .refine((body) => Object.keys(body).length > 0, "must change something")
  .openapi("ChangePerson");

/** The persons on a user's photos. */
export function peopleRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownPerson);

  router.openapi(listRoute(deps), async (c) => {
    const { q: query, order, ...rest } = c.req.valid("query");
    const page = await people.listPeople({ ...rest, query, order: orders[order] }, callOptions(c));
    return c.json({ items: page.people.map(toPersonView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(createPersonRoute(deps), async (c) => {
    const { name = "", requestId, faceIds: ids } = c.req.valid("json");
    const request = { faceIds: ids, name, requestId: requestId ?? requestIdOf(c) ?? "" };
    const person = toPersonView((await people.createPerson(request, callOptions(c))).person);
    return c.json(person, 201, { location: `/api/v1/people/${person.id}` });
  });
  router.openapi(getRoute(deps), async (c) => {
    const { person } = await people.getPerson({ personId: c.req.valid("param").id }, callOptions(c));
    return c.json(toPersonView(person), 200);
  });
  router.openapi(updateRoute(deps), async (c) => {
    const request = toUpdateRequest(c.req.valid("param").id, c.req.valid("json"));
    return c.json(toPersonView((await people.updatePerson(request, callOptions(c))).person), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const request = { personId: c.req.valid("param").id, erase: c.req.valid("query").erase };
    // A person may have thousands of faces: it takes as long as an upload may.
    await people.deletePerson(request, callOptions(c, deps.config.uploadTimeoutMs));
    return c.body(null, 204);
  });
  return router;
}

function toUpdateRequest(
  personId: string,
  { name, hidden, favorite, coverFaceId, birthDate }: z.output<typeof updateBody>,
): faceV1.UpdatePersonRequest {
  const fields = { name, hidden, favorite, cover_face_id: coverFaceId, birth_date: birthDate };
  const person = faceV1.Person.fromPartial({
    id: personId,
    name: name ?? "",
    hidden: hidden ?? false,
    favorite: favorite ?? false,
    coverFaceId: coverFaceId ?? "",
    birthDate: birthDate ?? "",
  });
  const updateMask = Object.entries(fields).flatMap(([path, value]) => (value === undefined ? [] : [path]));
  return { person, updateMask };
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people",
    tags,
    summary: "List persons",
    ...door(deps, "people"),
    request: { query: listQuery },
    responses: {
      200: json("One page.", listOf(personSchema)),
      ...problems({ 400: "`INVALID_ARGUMENT`, `INVALID_PAGE_TOKEN`" }),
    },
  });
}

function createPersonRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/people",
    tags,
    summary: "Make a person of faces",
    description:
      "Takes the faces from whoever has them: splits a person, or names a stranger. No model takes them away again.",
    ...door(deps, "people", "json"),
    request: { headers: idempotencyHeader, body: jsonBody(createBody) },
    responses: {
      201: json("The person; `Location` names it.", personSchema),
      ...problems({ 400: "`INVALID_NAME`, `INVALID_FACES`", 404: "`FACE_NOT_FOUND`" }),
    },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/{id}",
    tags,
    summary: "A person",
    description: "One that was merged answers with the survivor, whose `id` is another then.",
    ...door(deps, "people"),
    request: { params: idParam("Person id.") },
    responses: { 200: json("The person.", personSchema), ...problems({ 404: "`PERSON_NOT_FOUND`" }) },
  });
}

function updateRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/people/{id}",
    tags,
    summary: "Name, hide or mark a person, choose the cover, say the birth date",
    description: "Only fields that are there change.",
    ...door(deps, "people", "json"),
    request: { params: idParam("Person id."), body: jsonBody(updateBody) },
    responses: {
      200: json("The person as it is now.", personSchema),
      ...problems({
        400: "`INVALID_NAME`, `INVALID_BIRTH_DATE`, `INVALID_COVER`",
        404: "`PERSON_NOT_FOUND`",
      }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  const erase = flag.default(false).openapi({
    description: "Also deletes what recognises the person's faces, and never makes it again.",
  });
  return createRoute({
    method: "delete",
    path: "/people/{id}",
    tags,
    summary: "Delete a person",
    description: "The faces belong to nobody from then on, and no model groups them again.",
    ...door(deps, "people"),
    request: { params: idParam("Person id."), query: z.strictObject({ erase }) },
    responses: { 204: empty("Done."), ...problems({ 404: "`PERSON_NOT_FOUND`" }) },
  });
}
