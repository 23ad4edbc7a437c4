import { createRoute } from "@hono/zod-openapi";
import type { faceV1 } from "@ocelli/contracts";
import type { FilePart } from "../multipart.ts";
import { forwardFile } from "../uploads.ts";
import { toFaceSearchView } from "../views/people.ts";
import { faceSearchSchema } from "../views/schemas-people.ts";
import { problems } from "./account-route.ts";
import { faceTags as tags } from "./people-inputs.ts";
import { bearer, createRouter, fileBody, json, type RouteDeps } from "./shared.ts";

/** Who is on a picture that is not stored. */
export function faceSearchRoutes(deps: RouteDeps) {
  const { clients, config, detectionSlots } = deps;
  const router = createRouter();
  router.openapi(searchRoute(deps), async (c) => {
    const release = detectionSlots.take(c.get("caller").userId);
    try {
      const answer = await forwardFile(c, config, (part, options) =>
        clients.people.searchFaces(searchMessages(part), options),
      );
      return c.json(toFaceSearchView(answer), 200);
    } finally {
      release();
    }
  });
  return router;
}

async function* searchMessages({ chunks }: FilePart): AsyncGenerator<faceV1.SearchFacesRequest> {
  for await (const chunk of chunks) yield { chunk };
}

function searchRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/faces/search",
    tags,
    summary: "Find out who is on a picture",
    description:
      "Compares the faces of the picture with the caller's persons. Nothing is stored. A face that is like nobody's " +
      "enough is `unknown`; its nearest persons are still told.",
    security: bearer,
    // It costs what a detection costs.
    middleware: [requireScope("people", "analyze")],
    request: { body: fileBody() },
    responses: {
      200: json("The faces and whom they resemble.", faceSearchSchema),
      ...problems({
        400: "`EMPTY_FILE`, `UNSUPPORTED_MEDIA_TYPE`, `CORRUPT_IMAGE`",
        413: "`FILE_TOO_LARGE`",
        429: "`TOO_MANY_DETECTIONS`",
      }),
    },
  });
}
