import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toPersonFaceView } from "../views/people.ts";
import { personFaceSchema } from "../views/schemas-people.ts";
import { door, idParam, jsonBody, problems } from "./account-route.ts";
import { image, sendCrop } from "./face-crop.ts";
import { assignedPersonId, faceIds, faceTags as tags, unknownFace } from "./people-inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const assignBody = z.strictObject({ faceIds, personId: assignedPersonId }).openapi("AssignFaces");
const changeBody = z.strictObject({ personId: assignedPersonId }).openapi("ChangeFace");
const assignedSchema = z
  .object({ faces: z.array(personFaceSchema).openapi({ description: "In the order asked." }) })
  .openapi("AssignedFaces");

/** Faces, and whose they are. */
export function faceRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownFace);
  const assign = (request: { faceIds: string[]; personId: string | null }) => ({
    faceIds: request.faceIds,
    personId: request.personId ?? "",
  });

  router.openapi(listRoute(deps), async (c) => {
    const request = { personId: "", ...c.req.valid("query") };
    const { faces, nextPageToken } = await people.listFaces(request, callOptions(c));
    return c.json({ items: faces.map(toPersonFaceView), nextPageToken }, 200);
  });
  router.openapi(assignRoute(deps), async (c) => {
    const { faces } = await people.assignFaces(assign(c.req.valid("json")), callOptions(c));
    return c.json({ faces: faces.map(toPersonFaceView) }, 200);
  });
  router.openapi(getRoute(deps), async (c) => {
    const { face } = await people.getFace({ faceId: c.req.valid("param").id }, callOptions(c));
    return c.json(toPersonFaceView(face), 200);
  });
  router.openapi(changeRoute(deps), async (c) => {
    const request = assign({ faceIds: [c.req.valid("param").id], ...c.req.valid("json") });
    const { faces } = await people.assignFaces(request, callOptions(c));
    return c.json(toPersonFaceView(faces[0]), 200);
  });
  router.openapi(cropRoute(deps), (c) => sendCrop(deps, c, c.req.valid("param").id));
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/faces",
    tags,
    summary: "List faces that are nobody's, newest first",
    ...door(deps, "people"),
    request: { query: z.strictObject(pageQuery) },
    responses: {
      200: json("One page.", listOf(personFaceSchema)),
      ...problems({ 400: "`INVALID_PAGE_TOKEN`" }),
    },
  });
}

function assignRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/faces/assign",
    tags,
    summary: "Say whose faces these are",
    description: "At most 200; all or none. No model changes it.",
    ...door(deps, "people", "json"),
    request: { body: jsonBody(assignBody) },
    responses: {
      200: json("The faces as they are now.", assignedSchema),
      ...problems({ 400: "`INVALID_FACES`", 404: "`FACE_NOT_FOUND`, `PERSON_NOT_FOUND`" }),
    },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/faces/{id}",
    tags,
    summary: "A face",
    ...door(deps, "people"),
    request: { params: idParam("Face id.") },
    responses: { 200: json("The face.", personFaceSchema), ...problems({ 404: "`FACE_NOT_FOUND`" }) },
  });
}

function changeRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/faces/{id}",
    tags,
    summary: "Say whose face this is",
    description: "No model changes it.",
    ...door(deps, "people", "json"),
    request: { params: idParam("Face id."), body: jsonBody(changeBody) },
    responses: {
      200: json("The face as it is now.", personFaceSchema),
      ...problems({ 404: "`FACE_NOT_FOUND`, `PERSON_NOT_FOUND`" }),
    },
  });
}

function cropRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/faces/{id}/crop",
    tags,
    summary: "The cut-out of a face",
    description: "A small JPEG. Answers 304 to a matching `If-None-Match`.",
    ...door(deps, "people"),
    request: { params: idParam("Face id.") },
    responses: {
      200: { description: "The cut-out.", content: image },
      304: { description: "Not changed." },
      ...problems({ 404: "`FACE_NOT_FOUND`, `CROP_NOT_FOUND`" }),
    },
  });
}
