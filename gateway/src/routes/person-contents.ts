import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toPersonFaceView } from "../views/people.ts";
import { toPhotoView } from "../views/photo.ts";
import { required } from "../views/required.ts";
import { photoSchema } from "../views/schemas.ts";
import { personFaceSchema } from "../views/schemas-people.ts";
import { door, idParam, problems } from "./account-route.ts";
import { image, sendCrop } from "./face-crop.ts";
import { peopleTags as tags, unknownPerson } from "./people-inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

/** What there is of a person: photos, faces, and a picture of the face that stands for it. */
export function personContentRoutes(deps: RouteDeps) {
  const { people, photos } = deps.clients;
  const router = createRouter(unknownPerson);
  router.openapi(photosRoute(deps), async (c) => {
    const request = { personId: c.req.valid("param").id, ...c.req.valid("query") };
    const { photoIds, nextPageToken } = await people.listPersonPhotos(request, callOptions(c));
    // A page may be shorter than asked: the library leaves out what it hides or has deleted meanwhile.
    const found = photoIds.length === 0 ? [] : (await photos.getPhotos({ photoIds }, callOptions(c))).photos;
    return c.json({ items: found.map(toPhotoView), nextPageToken }, 200);
  });
  router.openapi(facesRoute(deps), async (c) => {
    const request = { personId: c.req.valid("param").id, ...c.req.valid("query") };
    const { faces, nextPageToken } = await people.listFaces(request, callOptions(c));
    return c.json({ items: faces.map(toPersonFaceView), nextPageToken }, 200);
  });
  router.openapi(coverRoute(deps), async (c) => {
    const { person } = await people.getPerson({ personId: c.req.valid("param").id }, callOptions(c));
    return sendCrop(deps, c, required(person, "person").coverFaceId);
  });
  return router;
}

function photosRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/{id}/photos",
    tags,
    summary: "Photos a person is on, newest first",
    ...door(deps, ["people", "photos:read"]),
    request: { params: idParam("Person id."), query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page; may hold fewer than asked for before the last.", listOf(photoSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`", 404: "`PERSON_NOT_FOUND`" }),
    },
  });
}

function facesRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/{id}/faces",
    tags,
    summary: "Faces of a person, newest first",
    ...door(deps, "people"),
    request: { params: idParam("Person id."), query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", listOf(personFaceSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`", 404: "`PERSON_NOT_FOUND`" }),
    },
  });
}

function coverRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/{id}/cover",
    tags,
    summary: "The cut-out of the face that stands for a person",
    description: "Answers 304 to a matching `If-None-Match`.",
    ...door(deps, "people"),
    request: { params: idParam("Person id.") },
    responses: {
      200: { description: "The cut-out.", content: image },
      304: { description: "Not changed." },
      ...problems({ 404: "`PERSON_NOT_FOUND`, `CROP_NOT_FOUND`" }),
    },
  });
}
