import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toPersonFaceView } from "../views/people.ts";
import { personFaceSchema } from "../views/schemas-people.ts";
import { door, empty, idParam, jsonBody, problems } from "./account-route.ts";
import { id } from "./inputs.ts";
import { faceTags as tags, unknownFace } from "./people-inputs.ts";
import { createRouter, json, type RouteDeps } from "./shared.ts";

const rejectBody = z
  .strictObject({ personId: id.openapi({ description: "Who it is not." }) })
  .openapi("RejectFace");

const rejectionParams = z.strictObject({
  ...idParam("Face id.").shape,
  personId: id.openapi({ param: { name: "personId", in: "path" }, description: "Who it may be after all." }),
});

/** "Not this person", for ever. */
export function rejectionRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownFace);
  router.openapi(rejectRoute(deps), async (c) => {
    const request = { faceId: c.req.valid("param").id, ...c.req.valid("json") };
    return c.json(toPersonFaceView((await people.rejectFace(request, callOptions(c))).face), 200);
  });
  router.openapi(unrejectRoute(deps), async (c) => {
    const { id: faceId, personId } = c.req.valid("param");
    await people.unrejectFace({ faceId, personId }, callOptions(c));
    return c.body(null, 204);
  });
  return router;
}

function rejectRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/faces/{id}/reject",
    tags,
    summary: "Say that a face is not a person's",
    description: "Takes it from the person if it is there. No model gives it back, whatever is done again.",
    ...door(deps, "people", "json"),
    request: { params: idParam("Face id."), body: jsonBody(rejectBody) },
    responses: {
      200: json("The face as it is now.", personFaceSchema),
      ...problems({ 404: "`FACE_NOT_FOUND`, `PERSON_NOT_FOUND`" }),
    },
  });
}

function unrejectRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/faces/{id}/reject/{personId}",
    tags,
    summary: "Take a rejection back",
    description: "The face stays where it is.",
    ...door(deps, "people"),
    request: { params: rejectionParams },
    responses: { 204: empty("Done."), ...problems({ 404: "`FACE_NOT_FOUND`, `PERSON_NOT_FOUND`" }) },
  });
}
