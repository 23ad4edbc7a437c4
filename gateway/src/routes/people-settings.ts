import { createRoute } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { toRegroupingView } from "../views/people.ts";
import { required } from "../views/required.ts";
import { peopleSettingsSchema, regroupingSchema } from "../views/schemas-people.ts";
import { door, jsonBody, problems } from "./account-route.ts";
import { peopleTags as tags, unknownPerson } from "./people-inputs.ts";
import { createRouter, json, type RouteDeps } from "./shared.ts";

const settingsBody = peopleSettingsSchema.strict().openapi("ChangePeopleSettings");

/** Whether faces are processed, and processing them again. */
export function peopleSettingsRoutes(deps: RouteDeps) {
  const { people } = deps.clients;
  const router = createRouter(unknownPerson);
  router.openapi(getSettingsRoute(deps), async (c) => {
    const { settings } = await people.getFaceSettings({}, callOptions(c));
    return c.json({ enabled: required(settings, "settings").enabled }, 200);
  });
  router.openapi(updateSettingsRoute(deps), async (c) => {
    const request = { settings: c.req.valid("json"), updateMask: ["enabled"] };
    // Turning it off deletes: it takes as long as an upload may.
    const options = callOptions(c, deps.config.uploadTimeoutMs);
    const { settings } = await people.updateFaceSettings(request, options);
    return c.json({ enabled: required(settings, "settings").enabled }, 200);
  });
  router.openapi(regroupRoute(deps), async (c) => {
    const { regrouping } = await people.regroupFaces({}, callOptions(c));
    return c.json(toRegroupingView(regrouping), 202);
  });
  router.openapi(getRegroupingRoute(deps), async (c) => {
    const { regrouping } = await people.getRegrouping({}, callOptions(c));
    return c.json(toRegroupingView(regrouping), 200);
  });
  return router;
}

function getSettingsRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/settings",
    tags,
    summary: "Whether faces are processed",
    ...door(deps, "people"),
    responses: {
      200: json("The caller's settings.", peopleSettingsSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`" }),
    },
  });
}

function updateSettingsRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/people/settings",
    tags,
    summary: "Turn the processing of faces on or off",
    description:
      "Off deletes at once what recognises faces, their cut-outs, and whatever models said of them; boxes that a human " +
      "named stay. Takes a login: API keys are refused.",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(settingsBody) },
    responses: {
      200: json("The settings as they are now.", peopleSettingsSchema),
      ...problems({ 403: "`SESSION_REQUIRED`" }),
    },
  });
}

function regroupRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/people/regroup",
    tags,
    summary: "Group the faces again, in the background",
    description: "What humans said stays. While one is under way, that one is answered with.",
    ...door(deps, "people"),
    responses: {
      202: json("The regrouping.", regroupingSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`" }),
    },
  });
}

function getRegroupingRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/people/regroup",
    tags,
    summary: "How the last regrouping went",
    ...door(deps, "people"),
    responses: {
      200: json("The regrouping.", regroupingSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`" }),
    },
  });
}
